import { hash } from 'node:crypto';
import type { TransferFilter } from '../../ledger/ports/search.ts';

/**
 * What a transfer can be found by. In the index, a term is the first 64 bits of a digest, so all terms have the same length,
 * and the index contains no personal data as text. A reader of the index compares what it finds with the books, so two
 * texts with the same digest do no harm.
 */
const TERM_HEX_CHARS = 16;

/** The term that every transfer has. */
export const EVERY = '0'.repeat(TERM_HEX_CHARS);

const termOf = (text: string): string => hash('sha256', text, 'hex').slice(0, TERM_HEX_CHARS);

// No account id contains a line feed.
export const accountTerm = (accountId: string): string => termOf(`account\n${accountId}`);
export const pairTerm = (one: string, other: string): string =>
  termOf(one < other ? `accounts\n${one}\n${other}` : `accounts\n${other}\n${one}`);
export const referenceTerm = (reference: string): string => termOf(`reference\n${reference}`);
export const metadataTerm = (key: string, value: string): string => termOf(`metadata\n${key}\n${value}`);
export const statusTerm = (status: string): string => termOf(`status\n${status}`);
export const kindTerm = (kind: string): string => termOf(`kind\n${kind}`);

/** The status and kind of most transfers. They have no terms; searches for them filter the rows of other terms. */
export const USUAL = { status: 'POSTED', kind: 'TRANSFER' } as const;

/**
 * The terms of a query: the range of the first one is read, and each row found there must also have the other terms.
 */
export function termsOf(filter: TransferFilter, isRestricted: boolean): { driving: string; others: string[] } {
  const { account, counterparty, reference, metadata, status, kind } = filter;
  const ofAccount = account && (counterparty ? pairTerm(account, counterparty) : accountTerm(account));
  const ofContent = [
    metadata && metadataTerm(metadata.key, metadata.value),
    reference !== undefined && referenceTerm(reference),
  ].flatMap((term) => term || []);
  // Rarer terms first. A restricted caller must not learn anything about transfers of other accounts, not even from a
  // cursor.
  const [driving, ...others] = isRestricted
    ? [ofAccount ?? EVERY, ...ofContent]
    : [...ofContent, ...(ofAccount ? [ofAccount] : [])];
  if (driving !== undefined) return { driving, others };
  const rare =
    status === 'PENDING' || (status === 'REJECTED' && (kind === undefined || kind === 'transfer'))
      ? statusTerm(status)
      : kind !== undefined && kind !== 'transfer' && kindTerm(kind.toUpperCase());
  return { driving: rare || EVERY, others: [] };
}
