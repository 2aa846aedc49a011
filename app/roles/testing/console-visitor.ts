import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import axe from 'axe-core';
import { buildConsoleUnlessDone } from '../../../devstack/system/console-build.mjs';
import { BrowserPage } from '../../../devstack/testing/browser.ts';

const ROOT = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
/** The folder for screenshots, relative to the root; if it is absent, none are made. */
const SCREENSHOTS = process.env['CONSOLE_SCREENSHOTS'];

export const buildConsole = (): Promise<void> =>
  buildConsoleUnlessDone({ root: ROOT, logFile: join(ROOT, 'dist', 'console.log') });

/** An operator in a browser, and everything that the browser complains about. */
export class ConsoleVisitor implements AsyncDisposable {
  readonly complaints: string[] = [];
  readonly #browser: BrowserPage;
  readonly #url: string;

  private constructor(browser: BrowserPage, url: string) {
    this.#browser = browser;
    this.#url = url;
    // Errors of the page. A violation of the policy also causes one; a refused request does not count.
    const { page } = browser;
    page.on('console', (message) => {
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text()))
        this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('request', (request) => {
      if (!/^data:/.test(request.url()) && !request.url().startsWith(url)) this.complaints.push(request.url());
    });
  }
  static async open(url: string): Promise<ConsoleVisitor> {
    return new ConsoleVisitor(await BrowserPage.open(), url);
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.#browser[Symbol.asyncDispose]();
  }

  get page() {
    return this.#browser.page;
  }

  async signIn(key: string): Promise<void> {
    await this.page.goto(`${this.#url}/console`);
    await this.page.getByLabel('API key').fill(key);
    await this.page.getByRole('button', { name: 'Sign in' }).click();
  }

  /** Opens a page of the console, and waits for its title and for the given text. */
  async visit(place: string, title: string, shows: string): Promise<void> {
    await this.page.evaluate(`location.assign('#/${place}')`);
    await this.page.getByRole('heading', { level: 1, name: title }).waitFor();
    await this.page.getByText(shows).first().waitFor();
  }

  /** Confirms a command in its dialog, with a reason and a typed word if it needs them. */
  async confirm(action: string, { typed, reason }: { typed?: string; reason?: string } = {}): Promise<void> {
    await this.page.getByRole('button', { name: action, exact: true }).first().click();
    const dialog = this.page.getByRole('dialog');
    if (reason !== undefined) await dialog.getByLabel('Reason').fill(reason);
    if (typed !== undefined) await dialog.getByLabel(/^Type /).fill(typed);
    await dialog.getByRole('button', { name: action, exact: true }).click();
    await dialog.waitFor({ state: 'hidden' });
  }

  /** Serious accessibility findings on the current page, in both color schemes. */
  async findings(): Promise<string[]> {
    const found: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await this.page.emulateMedia({ colorScheme });
      // Runs without being subject to the page's content security policy.
      await this.page.evaluate(axe.source);
      const { violations } = await this.page.evaluate(() =>
        (globalThis as unknown as { axe: typeof axe }).axe.run({ resultTypes: ['violations'] }),
      );
      for (const { id, impact, nodes } of violations)
        if (impact === 'serious' || impact === 'critical')
          found.push(`${colorScheme} ${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
    }
    await this.page.emulateMedia({ colorScheme: 'light' });
    return found;
  }

  /** Whether the page is wider than the screen. */
  async isTooWide(): Promise<boolean> {
    return this.page.evaluate('document.documentElement.scrollWidth > innerWidth');
  }

  /** Saves a screenshot of the page for the documentation, if screenshots are enabled. */
  async picture(name: string, colorScheme: 'light' | 'dark' = 'light'): Promise<void> {
    if (SCREENSHOTS === undefined) return;
    await this.page.emulateMedia({ colorScheme });
    await this.page.screenshot({ path: join(ROOT, SCREENSHOTS, `console-${name}.png`) });
    await this.page.emulateMedia({ colorScheme: 'light' });
  }
}
