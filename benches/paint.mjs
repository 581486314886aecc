// How soon the page shows itself, and the room: UDPCHAT=target/release/udpchat node benches/paint.mjs
// Needs Chromium, and playwright-core as tests/browser has it (npm install there).
import { close, Room, sees } from "../tests/browser/harness.mjs";

const room = new Room({ after() {} });
await room.serve();
const jill = await room.join("jill");
for (let line = 0; line < 100; line++) {
  jill.say(`line ${line}`);
}
const address = await room.web();
const first = await room.open(address, { nick: "jack" });
const [paints, rooms] = [[], []];
await first.context().addInitScript(() => {
  const seen = new MutationObserver(() => {
    if (document.querySelector("#log")?.textContent.includes("line 99")) {
      performance.mark("shown");
      seen.disconnect();
    }
  });
  seen.observe(document, { childList: true, subtree: true });
});
for (let run = 0; run < 15; run++) {
  const page = await first.context().newPage();
  await page.goto(address);
  await sees(page, "line 99");
  const [paint, shown] = await page.evaluate(async () => {
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    const [entry] = performance.getEntriesByName("first-contentful-paint");
    return [entry?.startTime, performance.getEntriesByName("shown")[0]?.startTime];
  });
  paints.push(paint);
  rooms.push(shown);
  await page.close();
}
const median = (all) => all.sort((one, other) => one - other)[Math.floor(all.length / 2)]?.toFixed(0);
console.log(`first paint: median ${median(paints)} ms (${Math.min(...paints).toFixed(0)} to ${Math.max(...paints).toFixed(0)})`);
console.log(`the newest message is in the page: median ${median(rooms)} ms`);
await Promise.all(room.programs.map((one) => one.end("SIGKILL")));
await close();
process.exit(0);
