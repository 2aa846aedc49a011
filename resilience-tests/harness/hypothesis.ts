import type { LoadOptions } from './load.ts';
import type { Population } from './population.ts';
import type { StackOptions } from './stack.ts';
import { PrivateStack } from './stack.ts';

/** Where a hypothesis is put to the test. */
export interface Ground extends AsyncDisposable {
  stack: PrivateStack;
}

/** What a fault may do, and tell about itself in the results. */
export interface Scene<G extends Ground = Ground> {
  ground: G;
  short: boolean;
  note(text: string): void;
}

/** A steady state, what disturbs it, and what should hold all the same. */
export interface Hypothesis<G extends Ground = Ground> {
  name: string;
  /** In a sentence. That nothing is lost, doubled or overdrawn holds for all of them. */
  expectation: string;
  /** The longest time without a posted transfer that is still as expected, ms. */
  pauseMsMax: number;
  /** How long the load runs before the fault, and after it is over, s. */
  seconds: Record<'full' | 'short', { before: number; after: number }>;
  load?: Partial<LoadOptions>;
  ground(short: boolean): Promise<G>;
  population?(prefix: string, short: boolean): Population;
  /** Returns when what it has broken runs again, or is being started by somebody else. */
  fault(scene: Scene<G>): Promise<void>;
}

/** A stack of its own, and nothing else. Two pods, so that a retry may meet the other one. */
export async function ownStack(options: StackOptions = {}): Promise<Ground> {
  const stack = await PrivateStack.start({ apiPods: 2, ...options });
  return { stack, [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose]() };
}
