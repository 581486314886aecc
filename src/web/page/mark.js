// The mark of a key: eight cells of four dots, from the first eight bytes of its fingerprint.
const SVG = "http://www.w3.org/2000/svg";

// Returns the mark for `who`, 16 hex digits; for null that of somebody without a key, dashed.
export function mark(who, isVerified = true) {
	const svg = document.createElementNS(SVG, "svg");
	const path = document.createElementNS(SVG, "path");
	const isKnown = who && isVerified;
	let shape = isKnown ? "" : "M.5 .5h26v12h-26z";
	for (let cell = 0; isKnown && cell < 8; cell++) {
		const byte = parseInt(who.slice(2 * cell, 2 * cell + 2), 16);
		const dots = (byte >> 4) ^ (byte & 15) || 15;
		for (let dot = 0; dot < 4; dot++) {
			if (dots & (1 << dot)) {
				shape += `M${(cell % 4) * 7 + (dot % 2) * 3} ${(cell >> 2) * 7 + (dot >> 1) * 3}h3v3h-3z`;
			}
		}
	}
	path.setAttribute("d", shape);
	svg.setAttribute("class", isKnown ? "mark" : "mark dashed");
	svg.setAttribute("viewBox", "0 0 27 13");
	svg.setAttribute("aria-hidden", "true");
	svg.append(path);
	return svg;
}

export function grouped(hex) {
	return hex.match(/.{1,4}/g).join(" ");
}
