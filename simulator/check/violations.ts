import type { Account } from '../../app/domain/types.ts';
import type { Tables } from '../mysql/tables.ts';
import type { History } from './history.ts';

/** What is wrong, each by the promise that it breaks. */
export type Violation = { kind: ViolationKind; what: string };
export type ViolationKind =
  /** An outcome that a client was told is not in MySQL. */
  | 'lost'
  /** Two requests were both told that they had done it. */
  | 'doubled'
  /** One id was answered, or stored, in two ways. */
  | 'contradicted'
  /** In MySQL, though nobody asked for it, or every attempt was told that it had done nothing. */
  | 'phantom'
  | 'gap'
  | 'arithmetic'
  /** A version of an account was accepted before the version that it follows. */
  | 'time'
  /** Posted against the rules: below a limit, on an account that was closed to it. */
  | 'against-the-rules'
  /** An answer showed a balance, or settings, that were never so. */
  | 'not-in-history'
  /** An answer shows less than had been told before it was asked. */
  | 'stale'
  | 'sum'
  /** "Persisted" was said of what was not in MySQL. */
  | 'not-persisted'
  /** Something was done in the Redis of this ledger in the name of another one. */
  | 'foreign'
  /** The system did not come back, or a component broke. */
  | 'stuck'
  | 'broken';

export interface CheckInput {
  history: History;
  tables: Tables;
  opened: readonly Account[];
  /** Outcomes that an operator has given up, or that wait for a Redis that is gone for good, by account. */
  waiting: { accounts: ReadonlySet<string>; ids: ReadonlySet<string> };
}

export type Add = (kind: ViolationKind, what: string) => void;

/** What MySQL itself says that it does not know yet. */
export function waitingIn({ frozen, unsettled }: Tables): CheckInput['waiting'] {
  return {
    accounts: new Set(frozen.keys()),
    ids: new Set([...unsettled.values()].filter(({ kind }) => kind === 'transfers').map(({ id }) => id)),
  };
}
