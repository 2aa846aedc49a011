const POLL_MS = 5;

/** Waits until something is so, and returns it. The limit is for what never becomes so; no test depends on it. */
export async function until<T>(what: string, probe: () => T | Promise<T>, limitMs = 90_000): Promise<NonNullable<T>> {
  const giveUpAt = performance.now() + limitMs;
  for (;;) {
    const found = await probe();
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() > giveUpAt) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
