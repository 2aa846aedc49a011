import type { HoldAfter } from './hold-types.ts';
import type { HoldOrder } from './holds.ts';
import type { Refusal } from './problem.ts';
import type { Origin, Side } from './types.ts';

/** An event of a hold as the journal and MySQL have it. A capture is none: it is a transfer. */
interface HoldEventCommon extends Origin {
  holdId: string;
  account: string;
  currency: string;
  /** When the ledger accepted it, ms since 1970; as for outcomes of transfers. */
  acceptedAt: number;
  /** By the clock of the pod that took it, ms. */
  takenAt: number;
  epoch: number;
  seq: number;
}

/** An event that has changed its hold, with the account after it: `balance` is unchanged, the version is its own. */
interface HoldChanged extends HoldEventCommon, HoldAfter {
  side: Side;
}
export interface HoldPlaced extends HoldChanged {
  kind: 'PLACED';
  order: HoldOrder;
}
/** The single, permanent outcome of a hold id whose placing was refused. */
export interface HoldRefused extends HoldEventCommon {
  kind: 'REFUSED';
  order: HoldOrder;
  refusal: Refusal;
}
export interface HoldUpdated extends HoldChanged {
  kind: 'CHANGED' | 'VOIDED' | 'EXPIRED';
  /** A UUIDv7 of the pod, which repeats it while an attempt is in doubt. */
  eventId: string;
}
export type HoldEvent = HoldPlaced | HoldRefused | HoldUpdated;
