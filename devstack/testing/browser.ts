import { existsSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';

/** Chromium, if it is installed. */
export const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

/**
 * A page in a new browser. Waits have no time limit of their own, because the browser is slow on a busy machine: the
 * test's limit applies.
 */
export class BrowserPage implements AsyncDisposable {
  readonly #browser: Browser;
  readonly page: Page;

  private constructor(browser: Browser, page: Page) {
    this.#browser = browser;
    this.page = page;
  }

  static async open(): Promise<BrowserPage> {
    const { chromium } = await import('playwright-core');
    const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'], timeout: 0 });
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    return new BrowserPage(browser, page);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#browser.close();
  }
}
