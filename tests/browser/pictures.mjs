// Writes the README's pictures of the page: node tests/browser/pictures.mjs
import path from "node:path";

import { close, Room, root, say, sees } from "./harness.mjs";

const room = new Room({ after() {} });
await room.serve();
const people = {};
for (const nick of ["jill", "ann", "bot"]) {
  people[nick] = await room.join(nick);
}
const lines = [
  ["jill", "morning! the build is green again"],
  ["ann", "thank you. what was it?"],
  ["jill", "the clock of the second machine: https://example.org/issues/412"],
  ["bot", "release 0.9.2 is on the mirror"],
  ["ann", "/me opens a window"],
];
const until = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
for (const [nick, line] of lines) {
  people[nick].say(line);
  await until(60);
}
const address = await room.web();
const first = await room.open(address, { nick: "jack" });
await sees(first, "opens a window");
await say(first, "I'll take the notes today");
await until(1500);
await first.context().storageState();
await first.close();
people.ann.say("jack: could you also ask about the dates?");
people.jill.say("and somebody has to bring the projector");
people.jill.say(JSON.stringify({ do: "msg", to: "jack", text: "the keys are in the usual place" }));
await until(300);
const owner = room.run("server", "topic", "tea at four, notes by jack", "--server", room.server);
await new Promise((resolve) => owner.child.on("exit", resolve));
const context = room.contexts[0];
for (const [name, width, height, colorScheme] of [
  ["web-light", 1100, 640, "light"],
  ["web-dark", 1100, 640, "dark"],
  ["web-phone", 390, 640, "light"],
]) {
  const page = await room.tab(context, address);
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme });
  await page.reload();
  await sees(page, "projector");
  await sees(page, "usual place");
  await until(300);
  await page.screenshot({ path: path.join(root, `docs/${name}.png`) });
  await page.close();
}
await Promise.all(room.programs.map((one) => one.end("SIGKILL")));
await close();
process.exit(0);
