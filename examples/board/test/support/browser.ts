/** A real browser, for tests. */

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from "playwright-core";
import { expect } from "vitest";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/** What a browser says when a server is away: these tests take it away. */
const EXPECTED = /WebSocket connection to|net::ERR_|Failed to load resource/;

/** The browsers of one file's tests. */
export class Visitors {
  /** What pages complained of, besides that their server is away. */
  readonly complaints: string[] = [];
  private browser: Browser | undefined;
  private readonly contexts: BrowserContext[] = [];

  /** Another person: a browser profile of its own. */
  async person(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    this.browser ??= await launch();
    const context = await this.browser.newContext({
      viewport: { width: 1280, height: 800 },
      permissions: ["clipboard-read", "clipboard-write"],
      ...options,
    });
    context.setDefaultTimeout(20_000);
    context.on("weberror", (error) => this.complaints.push(String(error.error().stack)));
    context.on("console", (message) => {
      if (message.type() === "error" && !EXPECTED.test(message.text())) this.complaints.push(message.text());
    });
    this.contexts.push(context);
    return context;
  }

  /** Another person who looks at `url`. */
  async visit(url: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.person(options);
    const page = await context.newPage();
    await page.goto(url);
    return page;
  }

  /** Ends the pages of a test: for `afterEach`. No page may have complained. */
  async leave(): Promise<void> {
    await Promise.all(this.contexts.splice(0).map((context) => context.close()));
    expect(this.complaints.splice(0)).toEqual([]);
  }

  /** Ends the browser: for `afterAll`. */
  async close(): Promise<void> {
    await this.browser?.close();
    this.browser = undefined;
  }
}

function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: browserPath(),
    // Chromium has no sandbox for root.
    args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
  });
}

/** The browser that `REVRING_BROWSER` names, or one that is installed. */
function browserPath(): string {
  const names = [process.env.REVRING_BROWSER ?? "", ...NAMES].filter((name) => name !== "");
  const folders = (process.env.PATH ?? "").split(delimiter);
  for (const name of names) {
    const paths = name.includes("/") ? [name] : folders.map((folder) => join(folder, name));
    const path = paths.find((path) => existsSync(path));
    if (path) return path;
  }
  throw new Error(
    `no browser found: install chromium, or name one in REVRING_BROWSER (tried ${names.join(", ")})`,
  );
}
