/** Console output for the user: lines with a timestamp, and errors as single sentences. */

/** An error that the user can fix: its message describes what happened and what to do, so no stack trace is shown. */
export class UserError extends Error {
  /** @override */
  name = 'UserError';
}

// The stack must not end because a reader disconnects (`npm start | head`).
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

/** @param {string} text one or more lines */
export function print(text) {
  const time = new Date().toTimeString().slice(0, 8);
  process.stdout.write(`${text.replace(/^/gm, `${time}  `)}\n`);
}

/** @param {number} sinceMs a value of `performance.now()` */
export function elapsed(sinceMs) {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;
}

/** @param {unknown} error */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * The system error code (`ENOENT`, …) of an error, if it has one.
 * @param {unknown} error
 * @returns {string | undefined}
 */
export function codeOf(error) {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
