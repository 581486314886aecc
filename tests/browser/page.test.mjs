// The page in a real browser: the stories of docs/ARCHITECTURE.md, "The page".
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { after, test } from "node:test";
import path from "node:path";

import { close, isHere, messages, Room, root, say, sees, until } from "./harness.mjs";

after(close);

const numbers = (from, to) => Array.from({ length: to - from }, (_, index) => `line ${from + index}`);

test("two tabs and a terminal talk, and each sees everything once and in order", async (t) => {
  const room = new Room(t);
  await room.serve();
  const jill = await room.join("jill");
  const address = await room.web();
  const first = await room.open(address, { nick: "jack" });
  assert.equal(new URL(first.url()).hash, "", "the token is not in the address any more");
  const second = await room.tab(first.context(), address);
  await say(first, "hey from one");
  await sees(second, "hey from one");
  await say(second, "hey from two");
  await jill.until("both", ({ out }) => out.includes("hey from one") && out.includes("hey from two"));
  jill.say("hey jack");
  for (const page of [first, second]) {
    await sees(page, "hey jack");
    assert.deepEqual(await messages(page), ["jack: hey from one", "jack: hey from two", "jill: hey jack"]);
    assert.deepEqual(page.errors, []);
  }
  assert.equal(await first.locator(".row.mention").count(), 1);
  assert.equal(await first.locator("#own li").count(), 0, "everything is in the room");
  await until(first, () => /received \d\/\d/.test(document.querySelector("#status").textContent));
});

test("what strangers write is text: markup, scripts, marks of direction, the longest message", async (t) => {
  const room = new Room(t);
  await room.serve();
  const jill = await room.join("jill");
  const page = await room.open(await room.web(), { nick: "jack" });
  const texts = [
    "<img src=x onerror=document.title='forged'><script>document.title='forged'</script>",
    "a \u202e reversed \u2066 and \u0007 bell",
    "javascript:alert(1) data:text/html,x https://example.org/a?b=c. http://user@example.org",
    "w".repeat(990),
  ];
  texts.forEach((text) => jill.say(JSON.stringify({ do: "say", text })));
  await sees(page, "wwww");
  const shown = await messages(page);
  assert.equal(shown[0], `jill: ${texts[0]}`);
  assert.equal(shown[1], "jill: a \\u{202e} reversed \\u{2066} and \\u{7} bell");
  assert.equal(shown[3], `jill: ${texts[3]}`);
  const links = await page.locator("#log a").evaluateAll((all) => all.map((link) => [link.href, link.rel]));
  const rel = "noopener noreferrer";
  assert.deepEqual(links, [["https://example.org/a?b=c", rel], ["http://user@example.org/", rel]]);
  assert.equal(await page.locator("#log img, #log script").count(), 0);
  assert.notEqual(await page.title(), "forged");
  const isWide = await page.evaluate(() => document.querySelector("#log").scrollWidth > document.querySelector("#log").clientWidth);
  assert.ok(!isWide, "the longest message is broken into rows");
  // What gets into the page by another way does not run.
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.append("document.title = 'forged'");
    document.head.append(script);
  }).catch(() => {});
  assert.notEqual(await page.title(), "forged");
});

test("a reload keeps the draft, the nick and where one was, and says nothing twice", async (t) => {
  const room = new Room(t);
  await room.serve();
  const jill = await room.join("jill");
  const page = await room.open(await room.web(), { nick: "jack" });
  for (const line of numbers(0, 5)) {
    await say(page, line);
  }
  await page.getByRole("textbox", { name: "Message" }).fill("a draft");
  await page.reload();
  await isHere(page);
  await sees(page, "line 4");
  assert.equal(await page.getByRole("textbox", { name: "Message" }).inputValue(), "a draft");
  assert.deepEqual(await messages(page), numbers(0, 5).map((line) => `jack: ${line}`));
  await say(page, "after");
  await jill.until("after", ({ out }) => out.includes('"after"'));
  assert.equal(jill.out.match(/"kind":"joined"/g).length, 2, "the room did not hear of it");
  assert.equal(jill.out.match(/"kind":"left"/g), null);
});

test("the server is killed and started again, and nothing is lost, doubled or out of order", async (t) => {
  const room = new Room(t);
  await room.serve();
  const page = await room.open(await room.web(), { nick: "jack" });
  await say(page, "line 0");
  await sees(page, "line 0");
  await room.serving.end("SIGKILL");
  await say(page, "line 1");
  await say(page, "line 2");
  assert.equal(await page.locator("#own li").count(), 2, "they wait");
  await until(page, () => document.querySelector("#status.trouble"));
  await page.reload();
  await page.locator("#own li").nth(1).waitFor();
  await room.serve();
  await sees(page, "line 2");
  await until(page, () => !document.querySelector("#status.trouble") && !document.querySelector("#own li"));
  await say(page, "line 3");
  await sees(page, "line 3");
  assert.deepEqual(await messages(page), numbers(0, 4).map((line) => `jack: ${line}`));
});

test("the gateway is killed again and again while a tab talks, and nothing is lost, doubled or out of order", async (t) => {
  const room = new Room(t);
  await room.serve();
  const jill = await room.join("jill");
  const page = await room.open(await room.web(), { nick: "jack" });
  let line = 0;
  for (let kill = 0; kill < 4; kill++) {
    for (let count = 0; count < 10; count++) {
      await say(page, `line ${line++}`);
    }
    await room.gateway.end("SIGKILL");
    await say(page, `line ${line++}`);
    await until(page, () => document.querySelector("#status.trouble"));
    if (kill === 1) {
      // The tab, too: what it keeps outlives both.
      await page.evaluate(() => document.title);
    }
    await room.web();
    await isHere(page);
  }
  await sees(page, `line ${line - 1}`);
  await until(page, () => !document.querySelector("#own li"));
  const expected = numbers(0, line);
  assert.deepEqual(await messages(page), expected.map((text) => `jack: ${text}`));
  await jill.until("the last", ({ out }) => out.includes(`"line ${line - 1}"`));
  const heard = [...jill.out.matchAll(/"text":"(line \d+)"/g)].map((match) => match[1]);
  assert.deepEqual(heard, expected);
  assert.deepEqual(page.errors, []);
});

test("a tab that is reloaded again and again while it talks loses nothing and is never stuck", async (t) => {
  const room = new Room(t);
  await room.serve();
  const jill = await room.join("jill");
  const page = await room.open(await room.web(), { nick: "jack" });
  let line = 0;
  for (let reload = 0; reload < 5; reload++) {
    await page.evaluate((from) => {
      const box = document.querySelector("#message");
      for (let number = from; number < from + 40; number++) {
        box.value = `line ${number}`;
        box.form.requestSubmit();
      }
    }, line);
    line += 40;
    await page.waitForTimeout(15);
    await page.reload();
    await isHere(page);
  }
  await jill.until("the last", ({ out }) => out.includes(`"line ${line - 1}"`));
  await until(page, () => !document.querySelector("#own li"));
  const heard = [...jill.out.matchAll(/"text":"(line \d+)"/g)].map((match) => match[1]);
  assert.deepEqual(heard, numbers(0, line));
});

test("scrolling about while others talk leaves no hole, and what one reads stays where it is", async (t) => {
  const room = new Room(t);
  await room.serve();
  const jill = await room.join("jill");
  numbers(0, 2000).forEach((line) => jill.say(line));
  await jill.until("the last", ({ out }) => out.includes('"line 1999"'));
  const page = await room.open(await room.web(), { nick: "jack" });
  await sees(page, "line 1999");
  let seed = 7;
  const random = (below) => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return (seed >> 8) % below;
  };
  let line = 2000;
  for (let step = 0; step < 120; step++) {
    const what = random(10);
    if (what < 5) {
      await page.evaluate((by) => document.querySelector("#log").scrollBy(0, by), (random(2) ? 1 : -1) * random(4000));
    } else if (what < 7) {
      numbers(line, (line += 1 + random(40))).forEach((text) => jill.say(text));
    } else if (what === 7) {
      await page.keyboard.press("Escape");
    } else if (what === 8) {
      await page.setViewportSize({ width: 400 + random(900), height: 300 + random(500) });
    } else {
      await page.evaluate(() => document.querySelector("#log").scrollTo(0, 0));
    }
    await page.waitForTimeout(random(40));
    const shown = (await messages(page)).map((text) => Number(/line (\d+)/.exec(text)[1]));
    assert.deepEqual(shown, shown.map((_, index) => shown[0] + index), `step ${step}`);
    assert.ok(await page.locator("#log .chunk").count() <= 10, `step ${step}`);
  }
  // Scrolled up: the document does not grow, whatever comes.
  await page.evaluate(() => document.querySelector("#log").scrollTo(0, 2000));
  await page.waitForTimeout(300);
  numbers(line, (line += 3000)).forEach((text) => jill.say(text));
  await jill.until("the last", ({ out }) => out.includes(`"line ${line - 1}"`));
  await page.waitForTimeout(300);
  assert.ok(await page.locator("#log .chunk").count() <= 10);
  await page.keyboard.press("Escape");
  await sees(page, `line ${line - 1}`);
  assert.deepEqual(page.errors, []);
});

test("a duplicated tab is another client, and both say everything once", async (t) => {
  const room = new Room(t);
  await room.serve();
  const jill = await room.join("jill");
  const page = await room.open(await room.web(), { nick: "jack" });
  await say(page, "one");
  await sees(page, "one");
  const opened = page.context().waitForEvent("page");
  // A window that a page opens begins with a copy of its storage, as a duplicated tab does.
  await page.evaluate(() => void open("/"));
  const copy = await opened;
  await isHere(copy);
  const instance = (one) => one.evaluate(() => JSON.parse(sessionStorage.getItem("udpchat")).kept.instance);
  assert.notEqual(await instance(copy), await instance(page));
  await say(copy, "from the copy");
  await say(page, "from the original");
  await jill.until("both", ({ out }) => out.includes("from the copy") && out.includes("from the original"));
  for (const text of ["one", "from the copy", "from the original"]) {
    assert.equal(jill.out.split(`"text":"${text}"`).length, 2, text);
  }
});

test("a tab asleep misses nothing", async (t) => {
  const room = new Room(t);
  await room.serve();
  const jill = await room.join("jill");
  const page = await room.open(await room.web(), { nick: "jack" });
  const session = await page.context().newCDPSession(page);
  await session.send("Page.setWebLifecycleState", { state: "frozen" });
  numbers(0, 500).forEach((line) => jill.say(line));
  await jill.until("the last", ({ out }) => out.includes('"line 499"'));
  await session.send("Page.setWebLifecycleState", { state: "active" });
  await sees(page, "line 499");
  assert.deepEqual((await messages(page)).map((text) => text.replace("jill: ", "")), numbers(0, 500));
});

test("a Python original is a room, too", async (t) => {
  const room = new Room(t);
  const port = 20000 + Math.floor(Math.random() * 10000);
  const python = spawn("python3", [path.join(root, "tests/legacy/server.py"), String(port)], { stdio: "ignore" });
  t.after(() => python.kill("SIGKILL"));
  room.server = `127.0.0.1:${port}`;
  const first = await room.open(await room.web(), { nick: "jack" });
  const second = await room.open(await room.web("jill"), { nick: "jill" });
  await until(first, () => document.querySelector("#status").textContent.includes("plain text"));
  await say(first, "hey");
  await say(second, "<b>hi</b>");
  for (const page of [first, second]) {
    await sees(page, "jack: hey");
    await sees(page, "jill: <b>hi</b>");
  }
  await until(first, () => !document.querySelector("#own li"));
  assert.ok(await first.locator("#log svg.dashed").count() > 0, "nobody is verified");
});

test("private messages, rights and the topic are what they are on a terminal", async (t) => {
  const room = new Room(t);
  await room.serve();
  const jill = await room.join("jill");
  const page = await room.open(await room.web(), { nick: "jack" });
  await say(page, "/msg jill psst");
  await jill.until("it", ({ out }) => out.includes('"psst"'));
  await sees(page, "private to jill");
  await sees(page, "first private message to jill: the key is");
  jill.say('/msg jack "quoted" answer');
  await sees(page, '"quoted" answer');
  await say(page, "/reply and back");
  await jill.until("the answer", ({ out }) => out.includes('"and back"'));
  await say(page, "/me waves");
  await sees(page, "* jack waves");
  await say(page, "/topic no right to it");
  await sees(page, "topic");
  const said = await page.locator("#log .notice .text").allTextContents();
  assert.ok(said.some((text) => text.includes("no right to it") || text.includes("do not have the right")), said.join("\n"));
  const owner = room.run("server", "op", "jack", "--server", room.server);
  await new Promise((resolve) => owner.child.on("exit", resolve));
  await sees(page, "jack an operator");
  await say(page, "/topic tea at four");
  await until(page, () => document.querySelector("#topic").textContent === "tea at four");
  await say(page, "/mute jill 10m too loud");
  await sees(page, "muted jill");
  await say(page, "/kcik jill");
  await sees(page, "/kcik");
  assert.equal(await page.locator("#log .row.said .text", { hasText: "kcik" }).count(), 0, "what is mistyped is not said");
});

test("everything can be done with the keyboard", async (t) => {
  const room = new Room(t);
  await room.serve();
  const jill = await room.join("jill");
  const page = await room.open(await room.web(), { nick: "jack" });
  numbers(0, 60).forEach((line) => jill.say(line));
  await sees(page, "line 59");
  const { keyboard } = page;
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
  assert.equal(await focused(), "message");
  await keyboard.type("ji");
  await keyboard.press("Tab");
  assert.equal(await page.locator("#message").inputValue(), "jill: ");
  await keyboard.type("one");
  await keyboard.press("Shift+Enter");
  await keyboard.type("two");
  await keyboard.press("Enter");
  await sees(page, "two");
  await keyboard.press("ArrowUp");
  assert.equal(await page.locator("#message").inputValue(), "jill: one\ntwo");
  await page.locator("#message").fill("");
  await keyboard.press("PageUp");
  await until(page, () => !document.querySelector("#below").hidden);
  await keyboard.press("Escape");
  await until(page, () => document.querySelector("#below").hidden);
  await keyboard.press("Control+Shift+F");
  await keyboard.type("line 17");
  await keyboard.press("Enter");
  await page.locator("#results button").first().waitFor();
  await page.locator("#results button").first().focus();
  await keyboard.press("Enter");
  await until(page, () => document.activeElement.classList.contains("row"));
  assert.match(await focused(), /line 17/);
  // From the message box, Tab goes through everything and comes back.
  await page.locator("#message").focus();
  const seen = new Set();
  for (let count = 0; count < 14; count++) {
    await keyboard.press("Tab");
    seen.add(await focused());
  }
  for (const wanted of ["send", "show-people", "show-find", "show-help", "log", "message"]) {
    assert.ok(seen.has(wanted), `${wanted} in ${[...seen]}`);
  }
});

test("older messages come while one scrolls up, and a hundred thousand cost no more than a thousand", async (t) => {
  const room = new Room(t);
  await room.serve();
  const sender = room.run("jill", "send", "--nick", "jill", "--server", room.server, "--timeout", "60s", "-");
  sender.child.stdin.end(numbers(0, 100_000).join("\n"));
  const sent = await new Promise((resolve) => sender.child.on("exit", resolve));
  assert.equal(sent, 0, sender.err);
  const page = await room.open(await room.web(), { nick: "jack" });
  await sees(page, "line 99999");
  const log = page.locator("#log");
  const first = () => page.locator("#log .row.said .text").first().textContent();
  const top = () => page.evaluate(() => {
    const edge = document.querySelector("#log").getBoundingClientRect().top;
    return [...document.querySelectorAll("#log .row.said")].find((row) => row.getBoundingClientRect().top >= edge).textContent;
  });
  let before = await first();
  for (let step = 0; step < 60; step++) {
    await log.evaluate((element) => element.scrollBy(0, -element.clientHeight));
    await page.waitForTimeout(30);
  }
  await until(page, (old) => document.querySelector("#log .row.said .text").textContent !== old, before);
  const number = Number((/line (\d+)/.exec(await first()))[1]);
  assert.ok(number < 99_000, `${number}`);
  assert.ok(await page.locator("#log .chunk").count() <= 10);
  // What one reads stays where it is while older messages come.
  const shown = await top();
  await page.waitForTimeout(300);
  assert.equal(await top(), shown);
  const all = (await messages(page)).map((text) => Number(/line (\d+)/.exec(text)[1]));
  assert.deepEqual(all, all.map((_, index) => all[0] + index), "without a hole");
  await page.keyboard.press("Escape");
  await sees(page, "line 99999");
  await page.keyboard.press("Control+Shift+F");
  await page.locator("#date").fill("2000-01-01");
  await page.locator("#date-form button").click();
  await sees(page, "line 0");
  await until(page, () => document.activeElement.classList.contains("row"));
  // Down again, from there.
  for (let step = 0; step < 20; step++) {
    await log.evaluate((element) => element.scrollBy(0, element.clientHeight));
    await page.waitForTimeout(30);
  }
  const later = (await messages(page)).map((text) => Number(/line (\d+)/.exec(text)[1]));
  assert.deepEqual(later, later.map((_, index) => later[0] + index));
  assert.ok(later.at(-1) > 300);
  assert.deepEqual(page.errors, []);
});

test("whoever looks away finds where they stopped, and what came below", async (t) => {
  const room = new Room(t);
  await room.serve();
  const jill = await room.join("jill");
  numbers(0, 60).forEach((line) => jill.say(line));
  await jill.until("the last", ({ out }) => out.includes('"line 59"'));
  const address = await room.web();
  const page = await room.open(address, { nick: "jack" });
  await sees(page, "line 59");
  await page.evaluate(() => document.querySelector("#log").scrollTo(0, 0));
  await until(page, () => !document.querySelector("#below").hidden);
  jill.say("below");
  await until(page, () => document.querySelector("#below").textContent.startsWith("1 new below"));
  await page.locator("#below").click();
  await sees(page, "below");
  // The tab closes once the server knows how far its user has read.
  await until(page, () => document.querySelector("#below").hidden);
  await page.waitForTimeout(1500);
  await page.close();
  numbers(60, 63).forEach((line) => jill.say(line));
  await jill.until("the last", ({ out }) => out.includes('"line 62"'));
  const again = await room.tab(room.contexts[0], address);
  await sees(again, "line 62");
  const seam = again.locator(".seam");
  await seam.waitFor();
  assert.match(await seam.textContent(), /^3 since you were last here, since \d{4}-\d\d-\d\d \d\d:\d\d$/);
  const next = await seam.evaluate((element) => element.nextElementSibling.textContent);
  assert.match(next, /line 60/);
});

test("a mention is told of when one is elsewhere, and only then", async (t) => {
  const room = new Room(t);
  await room.serve();
  const jill = await room.join("jill");
  const page = await room.open(await room.web(), { nick: "jack", permissions: ["notifications"] });
  await page.evaluate(() => {
    window.shown = [];
    window.Notification = class extends EventTarget {
      static permission = "granted";
      constructor(title, options) {
        super();
        window.shown.push(`${title}: ${options.body}`);
      }
    };
    Object.defineProperty(document, "hasFocus", { value: () => window.isFocused });
    window.isFocused = true;
  });
  jill.say("jack, here?");
  await sees(page, "jack, here?");
  await page.evaluate(() => {
    window.isFocused = false;
  });
  jill.say("jackdaws are birds");
  jill.say("Jack!");
  await sees(page, "Jack!");
  assert.deepEqual(await page.evaluate(() => window.shown), [`jill in ${room.server}: Jack!`]);
  await until(page, () => document.title.startsWith("(1) "));
});

test("a page that does not know the token any more says so", async (t) => {
  const room = new Room(t);
  await room.serve();
  const page = await room.open(await room.web(), { nick: "jack" });
  await room.gateway.end();
  await until(page, () => document.querySelector("#status").textContent.includes("udpchat web is not running"));
  await room.web("jack", "--new-token");
  await until(page, () => document.querySelector("#status").textContent.includes("not valid any more"));
});

test("a short window shows the log, however much waits to be sent and whatever is being written", async (t) => {
  const room = new Room(t);
  await room.serve();
  const jill = await room.join("jill");
  numbers(0, 30).forEach((line) => jill.say(line));
  const page = await room.open(await room.web(), { nick: "jack" });
  await sees(page, "line 29");
  for (const name of ["a", "b", "c"]) {
    await say(page, `/msg nobody-${name} hey`);
  }
  await page.locator("#own .wrong").nth(2).waitFor();
  assert.match(await page.locator("#own").textContent(), /! \/msg nobody-a hey/);
  await until(page, () => document.querySelector("#below").hidden);
  await page.locator("#message").fill(numbers(0, 12).join("\n"));
  await until(page, () => document.querySelector("#below").hidden);
  for (const [width, height] of [[1200, 760], [600, 380], [320, 256]]) {
    await page.setViewportSize({ width, height });
    const log = await page.locator("#log").boundingBox();
    assert.ok(log.height >= 64, `${log.height} pixels at ${width}x${height}`);
    await page.locator("#send").scrollIntoViewIfNeeded();
    const button = await page.locator("#send").boundingBox();
    assert.ok(button.y + button.height <= height, `at ${width}x${height}`);
  }
  // What is taken back is private still.
  await page.setViewportSize({ width: 1200, height: 760 });
  await page.locator("#own button", { hasText: "Take back" }).first().click();
  assert.equal(await page.locator("#message").inputValue(), "/msg nobody-a hey");
});

test("what is pasted is text, and what is typed over it is what it is", async (t) => {
  const room = new Room(t);
  await room.serve();
  const page = await room.open(await room.web(), { nick: "jack", permissions: ["clipboard-read", "clipboard-write"] });
  const paste = async (text) => {
    await page.evaluate((text) => navigator.clipboard.writeText(text), text);
    await page.locator("#message").focus();
    await page.keyboard.press("Control+V");
  };
  await paste("/topic pasted");
  await page.keyboard.press("Enter");
  await sees(page, "jack: /topic pasted");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await until(page, () => document.querySelectorAll("#log .said").length === 2);
  await paste("/msg jill a secret");
  await page.keyboard.press("Enter");
  await until(page, () => document.querySelector("#hint").textContent.startsWith("not sent"));
  await page.keyboard.press("Control+A");
  await page.keyboard.type("/nonsense");
  await page.keyboard.press("Enter");
  await sees(page, "/nonsense");
  assert.deepEqual(await messages(page), ["jack: /topic pasted", "jack: /topic pasted"]);
});

test("on a phone nothing is wider than the screen, and nothing is wrong for whoever cannot see it", async (t) => {
  const room = new Room(t);
  await room.serve();
  const jill = await room.join("jill");
  const address = await room.web();
  jill.say(`https://example.org/${"long".repeat(100)}`);
  jill.say("jack: a mention");
  const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
  for (const [width, colorScheme] of [[390, "light"], [1200, "dark"], [1200, "light"], [390, "dark"]]) {
    const page = await room.open(address, {
      nick: "jack",
      viewport: { width, height: 760 },
      colorScheme,
      bypassCSP: true,
    });
    await sees(page, "a mention");
    await say(page, "/msg nobody-of-that-name hey");
    await page.locator("#own .wrong").waitFor();
    const problems = async (what) => {
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${what} is ${wide} pixels too wide at ${width}`);
      await page.addScriptTag({ path: axe });
      const { violations } = await page.evaluate(() =>
        axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
      const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
      assert.deepEqual(told, [], `${what} at ${width}, ${colorScheme}`);
    };
    await problems("the log");
    if (await page.locator("#people").isHidden()) {
      await page.locator("#show-people").click();
    }
    await page.locator("#list button").first().waitFor();
    await problems("the people");
    await page.locator("#list button", { hasText: "jill" }).click();
    await problems("a person");
    await page.keyboard.press("Escape");
    await page.locator("#show-find").click();
    await problems("the search");
    await page.keyboard.press("Escape");
    await page.locator("#show-help").click();
    await problems("the help");
    await page.context().close();
  }
});
