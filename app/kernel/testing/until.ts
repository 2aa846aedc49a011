const POLL_MS = 5;

/**
 * Polls until a condition holds, and returns its value. The time limit only ends waits for conditions that never hold;
 * no test depends on it.
 */
export async function until<T>(what: string, probe: () => T | Promise<T>, limitMs = 300_000): Promise<NonNullable<T>> {
  const giveUpAt = performance.now() + limitMs;
  for (;;) {
    const found = await probe();
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() > giveUpAt) throw new Error(`timed out waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
