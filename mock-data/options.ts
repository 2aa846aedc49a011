/** What the commands of the mock data have in common in reading their options. */

/** @throws Error with the option's name when the text is not a whole number in the range */
export function wholeNumber(name: string, text: string, min: number, max = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new Error(
      `--${name} must be a whole number from ${min}${max === Number.MAX_SAFE_INTEGER ? '' : ` to ${max}`}, not "${text}"`,
    );
  }
  return value;
}

/** Midnight UTC of a date YYYY-MM-DD. */
export function midnight(name: string, text: string): number {
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00.000Z`) : Number.NaN;
  if (Number.isNaN(ms)) throw new Error(`--${name} must be a date YYYY-MM-DD, not "${text}"`);
  return ms;
}

/** Runs a command: its errors become one line on stderr and the exit code 1, Ctrl-C stops it in order (code 130). */
export async function runCommand(command: (signal: AbortSignal) => Promise<number>): Promise<void> {
  const stop = new AbortController();
  const interrupt = () =>
    stop.abort(new Error('Stopped. What was posted stays; the same ids posted again are recognised.'));
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    process.exitCode = await command(stop.signal);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = stop.signal.aborted ? 130 : 1;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
