import type { Provider } from '../../devstack/cluster/provider.ts';
import type { ApiServer } from './cluster/api-server.ts';
import type { Release } from './cluster/release.ts';
import type { LoadPod } from './load/pod.ts';

/** Where an experiment takes place. */
export interface Ground {
  api: ApiServer;
  release: Release;
  /** Breaks nodes of a cluster on this machine; null for any other cluster. */
  provider: Provider | null;
  options: ExperimentOptions;
  /** Upgrades a release that was installed for an experiment, and waits until Helm has finished. */
  upgrade?(tag: string): void;
}

export interface ExperimentOptions {
  /** Requests per second. */
  rate: number;
  /** How often something is killed. */
  times: number;
  /** Pods after scale-out. */
  replicasMax: number;
  /** How long a lost node is unavailable, seconds. */
  awaySeconds: number;
  /** Tags of the image for `upgrade-with-migration`: of the old release, and of the new one. */
  upgradeFrom: string | undefined;
  upgradeTo: string | undefined;
}

/** The environment of an experiment, and the functions with which it reports to the results. */
export interface Scene extends Ground {
  load: LoadPod;
  note(text: string): void;
  /** A figure for the report; null if the event did not happen in time. */
  measure(what: string, ms: number | null): void;
  /** Adds a moment to the timeline. @returns the moment, ms of `now()` */
  mark(what: string): number;
  /** Reports an expectation that was not met. */
  wrong(text: string): void;
  /** The node that this experiment breaks. */
  victim: string;
}

/** A steady state, a disturbance, and what must hold nevertheless. */
export interface Experiment {
  name: string;
  /** The expectation in a sentence. In addition, nothing may be lost, duplicated or overdrawn in any experiment. */
  expectation: string;
  /** First attempts that may fail. */
  failedFirstMax?: number;
  /** The longest acceptable time from the first attempt to the outcome, for a client that retries, ms. */
  waitMsMax?: number;
  /** Whether it changes the number of pods; for all other experiments, the autoscaler's limits are fixed. */
  scales?: boolean;
  /** Whether it breaks a node: the load then runs on another node. */
  breaksNode?: boolean;
  /** Whether it runs only if it is named, because it needs a release that is installed for it. */
  onDemand?: boolean;
  /** @returns the reason why it cannot run here; null if it can */
  missing?(ground: Ground): Promise<string | null> | string | null;
  /** A separate release instead of the one in the cluster. */
  ground?(ground: Ground): Promise<Ground & Disposable>;
  run(scene: Scene): Promise<void>;
}
