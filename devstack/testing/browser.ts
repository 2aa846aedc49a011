import { existsSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';

/** Chromium, if it is installed. */
export const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

/** Long enough for a busy machine, but below the time limit of a test, so that an error names what was awaited. */
const WAIT_MS_MAX = 300_000;

/** A page in a new browser. */
export class BrowserPage implements AsyncDisposable {
  readonly #browser: Browser;
  readonly page: Page;

  private constructor(browser: Browser, page: Page) {
    this.#browser = browser;
    this.page = page;
  }

  static async open(): Promise<BrowserPage> {
    const { chromium } = await import('playwright-core');
    const browser = await chromium.launch({
      executablePath: CHROMIUM ?? '',
      args: ['--no-sandbox'],
      timeout: WAIT_MS_MAX,
    });
    const page = await browser.newPage();
    page.setDefaultTimeout(WAIT_MS_MAX);
    return new BrowserPage(browser, page);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#browser.close();
  }
}
