import { Cluster, type ClusterOptions } from '../../verification/harness/cluster.ts';
import { PrivateStack, type StackOptions } from '../../verification/harness/stack.ts';
import type { System } from '../../verification/harness/system.ts';
import type { Frozen } from '../../verification/load/given-up.ts';
import type { LoadOptions, Mix } from '../../verification/load/load.ts';
import type { Population } from '../../verification/load/population.ts';
import type { Recorder } from '../../verification/load/recorder.ts';
import type { Seen } from './seen.ts';

/** The systems on which a hypothesis is tested. */
export interface Ground<S extends System = PrivateStack> extends AsyncDisposable {
  stack: S;
}

/** The environment of a fault, and the functions with which it reports to the results. */
export interface Scene<G extends Ground<System> = Ground> {
  ground: G;
  short: boolean;
  population: Population;
  recorder: Recorder;
  note(text: string): void;
  /** Adds a moment to the timeline; the first one is the beginning of the fault. @returns the moment, ms of `now()` */
  mark(what: string): number;
  /** Changes shares of the load from now on. */
  send(mix: Partial<Mix>): void;
  /**
   * Reports that an operator is about to accept a loss. Only what the service then lists as given up may be missing.
   */
  givesUp(frozen: Frozen): void;
  /** The time at which the first transfer after a moment was posted; null if there was none. */
  firstPostedAfter(at: number): number | null;
  /** Reports an expectation that was not met. */
  wrong(text: string): void;
  /** Reports something that took longer than expected. */
  late(text: string): void;
}

/** A steady state, a disturbance, and what must hold nevertheless. */
export interface Hypothesis<G extends Ground<System> = Ground> {
  name: string;
  /**
   * The expectation in a few sentences. In addition, nothing may be lost, duplicated or overdrawn in any hypothesis.
   */
  expectation: string;
  /** The longest expected time without a success, ms. */
  pauseMsMax: number;
  /** The codes or connection errors that clients may get instead of an outcome; null: any. */
  errorsAllowed?: RegExp | null;
  /** How long the load runs before the fault, and after the fault is over, s. */
  seconds: Record<'full' | 'short', { before: number; after: number }>;
  load?: Partial<LoadOptions>;
  /** @throws NotHere if this machine cannot run the hypothesis */
  ground(short: boolean): Promise<G>;
  /**
   * Whether to skip the check of acceptance times, because release 0.1.0 reports the pod's time, and this release
   * reports the ledger's.
   */
  withoutTimes?: boolean;
  population?(prefix: string, short: boolean): Population;
  /**
   * Injects the fault. Returns once everything that it has broken runs again, or is being restarted by something else.
   */
  fault(scene: Scene<G>): Promise<void>;
  /** Checks what clients saw, at the end. */
  afterwards?(scene: Scene<G>, seen: Seen): void;
}

/**
 * Thrown if this machine lacks something that a hypothesis needs. The hypothesis is skipped, and the results give the
 * reason.
 */
export class NotHere extends Error {
  override readonly name = 'NotHere';
}

/** A separate stack with two pods, so that a retry can reach the other pod. */
export async function ownStack(options: StackOptions = {}): Promise<Ground> {
  const stack = await PrivateStack.start({ apiPods: 2, ...options });
  return { stack, [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose]() };
}

/** A separate cluster. */
export async function ownCluster(options: ClusterOptions = {}): Promise<Ground<Cluster>> {
  const stack = await Cluster.start(options);
  return { stack, [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose]() };
}
