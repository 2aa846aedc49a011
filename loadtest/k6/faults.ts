import type { PrivateStack } from '../../resilience-tests/harness/stack.ts';

/** After a third of the time the pod dies, after two thirds Redis, both as by kill -9; `npm start` brings them back. */
export function breakThings(stack: PrivateStack, seconds: number): Disposable {
  const timers = (['api', 'redis'] as const).map((part, index) =>
    setTimeout(
      () => {
        console.log(`kill -9 of ${part}`);
        stack.kill(part);
      },
      ((index + 1) * seconds * 1000) / 3,
    ),
  );
  return {
    [Symbol.dispose]() {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
