/**
 * Runs a function without stack traces. The stack traces of the timeouts in a run are never read, but account for most
 * of the timeouts' cost. Calls must not overlap, because the limit belongs to the whole process.
 */
export async function withoutStackTraces<T>(run: () => Promise<T>): Promise<T> {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return await run();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
