import type { PrivateStack } from '../../verification/harness/stack.ts';

/** Kills the pod after a third of the time and Redis after two thirds, both with kill -9; `npm start` restarts them. */
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
