import { Cluster, type ClusterOptions } from '../../verification/harness/cluster.ts';
import { PrivateStack, type StackOptions } from '../../verification/harness/stack.ts';
import type { System } from '../../verification/harness/system.ts';
import type { LoadOptions } from '../../verification/load/load.ts';
import type { Population } from '../../verification/load/population.ts';
import type { Seen } from './seen.ts';

/** Where a hypothesis is put to the test. */
export interface Ground<S extends System = PrivateStack> extends AsyncDisposable {
  stack: S;
}

/** What a fault may do, and tell about itself in the results. */
export interface Scene<G extends Ground<System> = Ground> {
  ground: G;
  short: boolean;
  note(text: string): void;
  /** Writes a moment into the timeline; the first one is when the fault began. @returns it, ms of `now()` */
  mark(what: string): number;
  /** When the first transfer after a moment was posted; null while none was. */
  firstPostedAfter(at: number): number | null;
  /** Something that should have held did not. */
  wrong(text: string): void;
  /** Something took longer than it should. */
  late(text: string): void;
}

/** A steady state, what disturbs it, and what should hold all the same. */
export interface Hypothesis<G extends Ground<System> = Ground> {
  name: string;
  /** In a sentence. That nothing is lost, doubled or overdrawn holds for all of them. */
  expectation: string;
  /** The longest time without a posted transfer that is still as expected, ms. */
  pauseMsMax: number;
  /** Answers (codes, or errors of the connection) that clients may get besides outcomes; null: any. */
  errorsAllowed?: RegExp | null;
  /** How long the load runs before the fault, and after it is over, s. */
  seconds: Record<'full' | 'short', { before: number; after: number }>;
  load?: Partial<LoadOptions>;
  /** @throws NotHere when this machine cannot do it */
  ground(short: boolean): Promise<G>;
  /** An operator gives something up: that, by the service's own account of it, may be missing, and nothing else. */
  givesUp?: boolean;
  population?(prefix: string, short: boolean): Population;
  /** Returns when what it has broken runs again, or is being started by somebody else. */
  fault(scene: Scene<G>): Promise<void>;
  /** Looks at what clients saw, once all is over. */
  afterwards?(scene: Scene<G>, seen: Seen): void;
}

/** What a hypothesis needs is not to be had on this machine: it is skipped, and the results say why. */
export class NotHere extends Error {
  override readonly name = 'NotHere';
}

/** A stack of its own, and nothing else. Two pods, so that a retry may meet the other one. */
export async function ownStack(options: StackOptions = {}): Promise<Ground> {
  const stack = await PrivateStack.start({ apiPods: 2, ...options });
  return { stack, [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose]() };
}

/** A cluster of its own, and nothing else. */
export async function ownCluster(options: ClusterOptions = {}): Promise<Ground<Cluster>> {
  const stack = await Cluster.start(options);
  return { stack, [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose]() };
}
