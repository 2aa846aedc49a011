import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runTool } from '../../devstack/system/process.mjs';
import { temporaryFolder } from '../../devstack/testing/temporary.mjs';
import { NotHere } from './hypothesis.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** An earlier release, from this repository's history, with its own dependencies. */
export class FormerRelease implements Disposable {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  get root(): string {
    return join(this.#dir, 'release');
  }

  /** @throws NotHere if the history does not reach back that far */
  static async checkOut(commit: string): Promise<FormerRelease> {
    if (!isKnown(commit)) {
      throw new NotHere(
        `the history of this checkout does not contain ${commit.slice(0, 7)}: run git fetch --unshallow`,
      );
    }
    const release = new FormerRelease(temporaryFolder());
    try {
      await release.#install(commit);
      return release;
    } catch (error) {
      release[Symbol.dispose]();
      throw error;
    }
  }

  async #install(commit: string): Promise<void> {
    const { root } = this;
    const logFile = join(this.#dir, 'install.log');
    const archive = join(this.#dir, 'release.tar');
    const run = (name: string, command: string, args: readonly string[], cwd = root) =>
      runTool({ name, command, args, cwd, logFile });
    mkdirSync(root);
    await run('git archive', 'git', ['archive', '--format=tar', `--output=${archive}`, commit], ROOT);
    await run('tar', 'tar', ['-xf', archive]);
    await run('npm ci', 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']);
  }

  [Symbol.dispose](): void {
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

function isKnown(commit: string): boolean {
  try {
    execFileSync('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: ROOT, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
