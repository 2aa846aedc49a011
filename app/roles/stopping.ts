/** Resolves on the first SIGTERM or SIGINT from now on. */
export function untilAskedToStop(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
}

/**
 * For commands that may be interrupted at any point, such as a migration: they end at once on SIGTERM or SIGINT. Process 1
 * of a container would ignore a signal that it does not listen for.
 */
export function endWhenAsked(): Disposable {
  const numbers = { SIGTERM: 15, SIGINT: 2 } as const;
  const end = (signal: keyof typeof numbers) => process.exit(128 + numbers[signal]);
  const signals = Object.keys(numbers) as (keyof typeof numbers)[];
  for (const signal of signals) process.once(signal, end);
  return {
    [Symbol.dispose]() {
      for (const signal of signals) process.off(signal, end);
    },
  };
}
