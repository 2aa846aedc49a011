/**
 * The requests of clients and the answers to them, in one form for the simulator, the resilience tests and the
 * load tests. Money is in minor units; times are ms on one clock of the recorder that never goes back (in the
 * simulator: virtual ms).
 */
import type { GroupOrder } from '../../app/domain/group.ts';
import type { AccountStatus } from '../../app/domain/types.ts';

export interface OpenedAccount {
  accountId: string;
  currency: string;
  /** The overdraft limit with which the account was opened: settings version 1, with the status ACTIVE. */
  overdraftLimit: number;
  /** Whether the balance has no lower limit. */
  external: boolean;
  /** The most that the account may pay out in a business day; absent: no limit. The limit never changes. */
  dailyDebitMax?: number;
}

export interface TransferContent {
  source: string;
  destination: string;
  amount: number;
  currency: string;
  /** The group that it is a member of; absent for a single transfer. */
  groupId?: string;
  /**
   * The content of a capture, as requested, which is compared instead of the amount, because the amount is decided only
   * when the capture is made; absent for other transfers.
   */
  capture?: CaptureContent;
}

export interface CaptureContent {
  holdId: string;
  /** Null: everything that was left of the hold. */
  amount: number | null;
  /** Null: the destination of the hold. */
  destination: string | null;
  final: boolean;
}

/** The terms of a hold, as requested. */
export interface HoldContent {
  account: string;
  /** Null: each capture names a destination. */
  destination: string | null;
  amount: number;
  currency: string;
  /** ms since 1970; null: the default. */
  expiresAt: number | null;
}

/** The state of a hold. */
export interface HoldShown {
  status: 'OPEN' | 'CAPTURED' | 'VOIDED' | 'EXPIRED';
  amount: number;
  captured: number;
  expiresAt: number;
  /** The number of its events, including captures. */
  revision: number;
}

/** An account's balance and version, for example after a posting. */
export interface Position {
  balance: number;
  version: number;
}

/** A position with the version of the settings that applied, if it was shown. */
export interface ShownPosition extends Position {
  settingsVersion?: number;
}

export interface Settings {
  settingsVersion: number;
  overdraftLimit: number;
  status: AccountStatus;
}

/**
 * The facts about an outcome that an answer contains in addition to the positions; a field is absent if the answer does
 * not contain it.
 */
interface OutcomeFacts {
  /** Whether the outcome already existed. At most one answer may report it as new. */
  replayed?: boolean;
  /** The time of acceptance by the ledger, ms since 1970. */
  acceptedAt?: number;
  content?: TransferContent;
  epoch?: number;
}

export type Answer =
  /** An outcome: the transfer was posted. */
  | (OutcomeFacts & { kind: 'posted'; source: ShownPosition; destination: ShownPosition })
  /** Also an outcome: a business rule refused the transfer (422). */
  | (OutcomeFacts & { kind: 'rejected'; code: string })
  /** This attempt certainly wrote nothing, but other attempts with the same id may have. */
  | { kind: 'refused'; status: number; code: string }
  /** Only for a lookup: the service does not know the id. */
  | { kind: 'absent' }
  /** The attempt may have been carried out, or may still be carried out. */
  | { kind: 'unknown'; reason: string }
  /** The attempt was answered with an outcome or may have been carried out, but an operator has accepted its loss. */
  | { kind: 'given-up' };
export type Outcome = Answer & { kind: 'posted' | 'rejected' };

interface Request {
  sentAt: number;
  /** The time at which the answer arrived; infinite while there is none. */
  endedAt: number;
}

export interface LookUp extends Request {
  answer: Answer;
}

export interface Attempt extends LookUp {
  content: TransferContent;
  /** Sent with the request, and written to MySQL if this attempt is carried out. */
  correlationId: string;
}

/** Everything that was requested under one id. */
export interface TransferHistory {
  readonly transactionId: string;
  readonly attempts: Attempt[];
  readonly lookUps: LookUp[];
}

/** An account as one answer showed it. */
export interface ReadHistory extends Request, Position {
  accountId: string;
  settings?: Settings;
  /** The sum of its open holds, if the answer shows it. */
  held?: number;
  /** Whether the answer was marked as possibly outdated. */
  stale: boolean;
  /** Who answered, for messages. */
  by: string;
}

/** A request for other settings, which is sent once. An absent field keeps the current value. */
export interface ChangeHistory extends Request {
  accountId: string;
  correlationId: string;
  overdraftLimit?: number;
  status?: AccountStatus;
  /** The change may be made only if the account has this settings version. */
  expectedSettingsVersion?: number;
  /** `changed`: with the settings after the change, or after a concurrent change that was applied later. */
  answer: ({ kind: 'changed' } & Settings) | { kind: 'refused' | 'unknown' | 'given-up' };
}

/** Transfers that were requested as a group, and the answers to the group. */
export interface GroupHistory {
  readonly group: GroupOrder;
  /** Whether the group was posted, according to each answer. */
  readonly answers: ('posted' | 'rejected')[];
}

export type HoldAnswer =
  /** The hold in this state; absent if an operator has given up the events that led to it. */
  | { kind: 'held'; hold?: HoldShown; replayed?: boolean; stale?: boolean }
  /** An outcome, too: a business rule refused to place the hold. */
  | { kind: 'rejected'; code: string; replayed?: boolean }
  | (Answer & { kind: 'refused' | 'absent' | 'unknown' | 'given-up' });

/** A request about a hold. Captures are transfers. */
export type HoldRequest = Request & { answer: HoldAnswer } & (
    | { op: 'place'; content: HoldContent; correlationId: string }
    | {
        op: 'change';
        correlationId: string;
        /** Null keeps the current value. */
        amount: number | null;
        expiresAt: number | null;
        expectedRevision: number;
      }
    | { op: 'void'; correlationId: string }
    | { op: 'read' }
  );

/** Everything that was requested about one hold, except for its captures. */
export interface HoldHistory {
  readonly holdId: string;
  readonly requests: HoldRequest[];
}

export interface History {
  readonly accounts: readonly OpenedAccount[];
  readonly transfers: ReadonlyMap<string, TransferHistory>;
  readonly reads: readonly ReadHistory[];
  readonly changes: readonly ChangeHistory[];
  readonly groups?: ReadonlyMap<string, GroupHistory>;
  readonly holds?: ReadonlyMap<string, HoldHistory>;
  /** Whether an operator has accepted a loss: a refusal may then refer to a state that was given up. */
  readonly isLossAccepted?: boolean;
  /** How long an attempt may still be carried out after it was sent, ms; infinite if there is no limit. */
  readonly heldMsMax: number;
}

/** A history that is being recorded. */
export class Recording implements History {
  readonly accounts: OpenedAccount[] = [];
  readonly transfers = new Map<string, TransferHistory>();
  readonly reads: ReadHistory[] = [];
  readonly changes: ChangeHistory[] = [];
  readonly groups = new Map<string, GroupHistory>();
  readonly holds = new Map<string, HoldHistory>();
  isLossAccepted = false;
  readonly heldMsMax: number;

  constructor(heldMsMax: number) {
    this.heldMsMax = heldMsMax;
  }

  of(transactionId: string): TransferHistory {
    let found = this.transfers.get(transactionId);
    if (!found) {
      found = { transactionId, attempts: [], lookUps: [] };
      this.transfers.set(transactionId, found);
    }
    return found;
  }

  ofGroup(group: GroupOrder): GroupHistory {
    const found = this.groups.get(group.groupId) ?? { group, answers: [] };
    this.groups.set(group.groupId, found);
    return found;
  }

  ofHold(holdId: string): HoldHistory {
    const found = this.holds.get(holdId) ?? { holdId, requests: [] };
    this.holds.set(holdId, found);
    return found;
  }

  /** Continues from another history. */
  replaceBy({ transfers, reads, changes, holds = new Map(), isLossAccepted = false }: History): void {
    this.isLossAccepted = isLossAccepted;
    for (const [holdId, hold] of holds) this.holds.set(holdId, hold);
    for (const [transactionId, transfer] of transfers) this.transfers.set(transactionId, transfer);
    this.reads.splice(0, this.reads.length, ...reads);
    this.changes.splice(0, this.changes.length, ...changes);
  }
}

export const isOutcome = (answer: Answer): answer is Outcome => answer.kind === 'posted' || answer.kind === 'rejected';

/** Attempts and lookups. */
export const answersIn = ({ attempts, lookUps }: TransferHistory): readonly LookUp[] => [...attempts, ...lookUps];

/** The fate of an id: its outcome is known, it certainly has none, or neither is certain. */
export function fateOf(transfer: TransferHistory, heldMsMax: number): 'ok' | 'failed' | 'unknown' {
  const { attempts, lookUps } = transfer;
  let openUntil = Number.NEGATIVE_INFINITY;
  for (const { answer, sentAt } of attempts) {
    if (isOutcome(answer)) return 'ok';
    if (answer.kind === 'unknown') openUntil = Math.max(openUntil, sentAt + heldMsMax);
  }
  if (lookUps.some(({ answer }) => isOutcome(answer))) return 'ok';
  const isAbsent = lookUps.some(({ answer, sentAt }) => answer.kind === 'absent' && sentAt >= openUntil);
  return openUntil === Number.NEGATIVE_INFINITY || isAbsent ? 'failed' : 'unknown';
}

/** The fate of a hold; null if no client tried to place it. */
export function fateOfHold({ requests }: HoldHistory): 'ok' | 'failed' | 'unknown' | null {
  const placings = requests.filter(({ op }) => op === 'place');
  if (placings.length === 0) return null;
  if (placings.some(({ answer }) => isHoldOutcome(answer))) return 'ok';
  return placings.some(({ answer }) => answer.kind === 'unknown') ? 'unknown' : 'failed';
}

export const isHoldOutcome = ({ kind }: HoldAnswer): boolean => kind === 'held' || kind === 'rejected';

/** Adds to the list under a key. */
export function append<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const own = lists.get(key);
  if (own) own.push(item);
  else lists.set(key, [item]);
}
