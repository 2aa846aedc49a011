import { UsageError } from '../app/config/command-line.mjs';

/** Functions that the commands of the mock data share. */

/** Midnight UTC of a date YYYY-MM-DD. */
export function midnight(name: string, text: string): number {
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00.000Z`) : Number.NaN;
  if (Number.isNaN(ms)) throw new UsageError(`--${name} must be a date YYYY-MM-DD, not "${text}".`);
  return ms;
}

/**
 * Runs a command: an error becomes one line on stderr and exit code 1 (2 for a usage error); Ctrl-C stops it cleanly
 * (code 130).
 */
export async function runCommand(command: (signal: AbortSignal) => Promise<number>): Promise<void> {
  const stop = new AbortController();
  const interrupt = () =>
    stop.abort(new Error('Stopped. Everything posted so far is kept; posting it again with the same ids is safe.'));
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    process.exitCode = await command(stop.signal);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = stop.signal.aborted ? 130 : error instanceof UsageError ? 2 : 1;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
