import type { Format } from '../../domain/authority.ts';
import { accountsOfGroup, type GroupOutcome } from '../../domain/group.ts';
import type { HoldEvent } from '../../domain/hold-events.ts';
import type { Outcome } from '../../domain/types.ts';
import { idOfEvent, type JournaledChange } from '../flush-batch.ts';
import { encodeEntry, encodeTransfer, isPlain } from './entry-codec.ts';
import { type LinePage, LinePages } from './line-pages.ts';
import {
  digestOf,
  personalOfChange,
  personalOfGroup,
  personalOfHold,
  personalOfTransfer,
  SaltSource,
} from './personal.ts';

/** The log of everything that is committed begins when the ledger reaches format 2. */
export const isLogged = (format: Format): boolean => format >= 2;

/** What a transaction commits. */
export interface Committed {
  epoch: number;
  /**
   * Outcomes of transfers, members of groups and captures, and events of holds. If MySQL decided them (seq 0), in the
   * order of their decisions; otherwise in any order.
   */
  decided: readonly (Outcome | HoldEvent)[];
  groups?: readonly GroupOutcome[];
  changes?: readonly JournaledChange[];
}

/** The data to write to the log with a transaction, and the salts to store in the books. */
export interface Sealing {
  /** The lines of the entries, in their order in the log. */
  pages: readonly LinePage[];
  salts: Salts;
}

/** The salts of a transaction's personal data, hexadecimal; null if the transaction is not part of the log. */
export interface Salts {
  ofTransfer(transactionId: string): string | null;
  /** The salt of a refused group. */
  ofGroup(groupId: string): string | null;
  /** The salt of an event of a hold. */
  ofHold(event: HoldEvent): string | null;
  ofChange(changeId: string): string | null;
}

/** The salts of a ledger whose log has not begun: none. */
export const NO_SALTS: Salts = {
  ofTransfer: () => null,
  ofGroup: () => null,
  ofHold: () => null,
  ofChange: () => null,
};

/** The entries of a transaction, sorted so that those of each account are in the order of its versions. */
export function sealingOf({ epoch, decided, groups = [], changes = [] }: Committed): Sealing {
  const drawn = new DrawnSalts(decided.length);
  const pages = new LinePages();
  // The sort is stable: a group comes before its members, and the decisions of MySQL stay in their order.
  for (const one of [...groups, ...decided, ...changes].sort((a, b) => a.seq - b.seq)) {
    if ('order' in one && !('holdId' in one)) addTransfer(pages, one, drawn.digestOfTransfer(one));
    else pages.add(drawn.lineOf(one, epoch));
  }
  return { pages: pages.end(), salts: drawn };
}

function addTransfer(pages: LinePages, one: Outcome, digest: string): void {
  if (!isPlain(one) || !pages.addPlain(one, digest)) pages.add(encodeTransfer(one, digest));
}

class DrawnSalts implements Salts {
  readonly #source: SaltSource;
  readonly #transfers = new Map<string, string>();
  /** The other salts, by kind and id. */
  readonly #others = new Map<string, string>();

  constructor(count: number) {
    this.#source = new SaltSource(count);
  }

  /** Draws the salt of a transfer. @returns the digest of its personal data */
  digestOfTransfer(one: Outcome): string {
    const salt = this.#source.next();
    this.#transfers.set(one.order.transactionId, salt);
    return digestOf(salt, personalOfTransfer(one));
  }

  lineOf(one: HoldEvent | GroupOutcome | JournaledChange, epoch: number): string {
    if ('changeId' in one) {
      const digest = this.#digest(`change ${one.changeId}`, personalOfChange(one));
      return encodeEntry({ kind: 'account-changed', change: one, epoch, digest });
    }
    if ('group' in one) return this.#group(one);
    const digest = this.#digest(keyOfHold(one), personalOfHold(one));
    return encodeEntry({ kind: 'hold', event: one, digest });
  }

  #group(outcome: GroupOutcome): string {
    const { group, acceptedAt, epoch, seq } = outcome;
    const { groupId, orders, split } = group;
    const common = { kind: 'group', groupId, split, acceptedAt, epoch, seq } as const;
    if (outcome.status === 'POSTED') {
      const transactionIds = orders.map(({ transactionId }) => transactionId);
      return encodeEntry({ ...common, status: 'POSTED', transactionIds, accounts: accountsOfGroup(group) });
    }
    const digest = this.#digest(`group ${groupId}`, personalOfGroup(outcome));
    const { status, index, refusal, limit } = outcome;
    return encodeEntry({ ...common, status, orders, index, refusal, ...(limit && { limit }), digest });
  }

  #digest(key: string, personal: string): string {
    const salt = this.#source.next();
    this.#others.set(key, salt);
    return digestOf(salt, personal);
  }

  readonly ofTransfer = (transactionId: string) => this.#transfers.get(transactionId) ?? null;
  readonly ofGroup = (groupId: string) => this.#others.get(`group ${groupId}`) ?? null;
  readonly ofHold = (event: HoldEvent) => this.#others.get(keyOfHold(event)) ?? null;
  readonly ofChange = (changeId: string) => this.#others.get(`change ${changeId}`) ?? null;
}

const keyOfHold = (event: HoldEvent): string => `${'eventId' in event ? 'event' : 'hold'} ${idOfEvent(event)}`;
