// Starts what the tests of the page need: servers, gateways, a browser. Everything ends with the tests.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const program = process.env.UDPCHAT ?? path.join(root, "target/debug/udpchat");
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
// How long to wait for something: it turns a hang into a failure, and measures nothing.
export const PATIENCE = 30_000;
const FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

let browser = null;

// Returns the browser, which all tests share.
export async function theBrowser() {
  const args = process.getuid?.() === 0 ? ["--no-sandbox", ...FLAGS] : FLAGS;
  browser ??= await chromium.launch({ executablePath, args });
  return browser;
}

// A program, and what it has written.
class Program {
  constructor(file, args, env) {
    this.child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
    this.out = "";
    this.err = "";
    this.child.stdout.on("data", (data) => (this.out += data));
    this.child.stderr.on("data", (data) => (this.err += data));
    this.child.stdin.on("error", () => {});
  }

  async until(what, isEnough) {
    const end = Date.now() + PATIENCE;
    for (;;) {
      const found = isEnough(this);
      if (found) {
        return found;
      }
      assert.ok(Date.now() < end && this.child.exitCode === null, `no ${what}: ${this.out} ${this.err}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  say(line) {
    this.child.stdin.write(`${line}\n`);
  }

  async end(signal = "SIGTERM") {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill(signal);
      await once(this.child, "exit");
    }
  }
}

// A room for one test: a server, gateways, people.
export class Room {
  constructor(t) {
    this.home = mkdtempSync(path.join(tmpdir(), "udpchat-page-"));
    this.programs = [];
    this.contexts = [];
    t.after(async () => {
      await Promise.all(this.contexts.map((context) => context.close()));
      await Promise.all(this.programs.map((one) => one.end("SIGKILL")));
      rmSync(this.home, { recursive: true, force: true });
    });
  }

  // Runs the program as a user of this name.
  run(user, ...args) {
    const env = { XDG_STATE_HOME: path.join(this.home, user), UDPCHAT_SERVER: "", UDPCHAT_NICK: "", RUST_LOG: "" };
    for (const name of Object.keys(env).filter((name) => env[name] === "")) {
      delete env[name];
    }
    const one = new Program(program, args, env);
    this.programs.push(one);
    return one;
  }

  async serve(...args) {
    const bind = this.server ?? "127.0.0.1:0";
    this.serving = this.run("server", "serve", "--bind", bind, "--rate", "off", ...args);
    this.server = await this.serving.until("address", ({ err }) => /listening on (\S+)/.exec(err)?.[1]);
    return this.server;
  }

  // Starts a gateway for a user; returns the address of the page.
  async web(user = "jack", ...args) {
    const listen = this.listens?.[user] ?? "127.0.0.1:0";
    this.gateway = this.run(user, "web", "--server", this.server, "--listen", listen, ...args);
    const address = await this.gateway.until("address", ({ out }) => /^(http:\S+)\n/.exec(out)?.[1]);
    this.listens = { ...this.listens, [user]: new URL(address).host };
    return address;
  }

  // Starts a terminal's client, in lines.
  async join(user) {
    const one = this.run(user, "join", "--json", "--nick", user, "--server", this.server);
    await one.until("room", ({ out }) => out.includes('"event":"joined"'));
    return one;
  }

  // Opens the page in a context of its own.
  async open(address, { nick, ...options } = {}) {
    const context = await (await theBrowser()).newContext({ viewport: { width: 1200, height: 760 }, ...options });
    this.contexts.push(context);
    return this.tab(context, address, nick);
  }

  async tab(context, address, nick = undefined) {
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    page.errors = [];
    page.on("pageerror", (error) => page.errors.push(String(error)));
    await page.goto(address);
    if (nick) {
      await page.locator("#nick").fill(nick);
      await page.locator("#nick").press("Enter");
    }
    await isHere(page);
    return page;
  }
}

export async function isHere(page) {
  await page.waitForFunction(() => / @ /.test(document.querySelector("#status").textContent));
}

export async function say(page, text) {
  await page.getByRole("textbox", { name: "Message" }).fill(text);
  await page.getByRole("textbox", { name: "Message" }).press("Enter");
}

// Returns what the log shows of messages, in order.
export function messages(page) {
  return page.locator("#log .row:not(.event):not(.notice) .text").allTextContents();
}

export async function sees(page, text) {
  await page.locator("#log .text", { hasText: text }).first().waitFor();
}

export async function until(page, isTrue, argument = undefined) {
  await page.waitForFunction(isTrue, argument, { timeout: PATIENCE });
}

export async function close() {
  await browser?.close();
}
