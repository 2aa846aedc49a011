import { transactionIdOf } from '../../domain/crossing.ts';
import { TYPES } from './entry-codec.ts';
import { decodeEntry } from './entry-decoder.ts';

const TRANSFERS = [TYPES.posted, TYPES.refused].map((type) => `["${type}",`);

/**
 * The two accounts between which the transfer in a line moves money; null for any other entry. This takes a twentieth
 * of the time that decoding the line would take, so a reader can cheaply skip lines that it does not need.
 */
export function transferAccountsIn(line: string): readonly [source: string, destination: string] | null {
  if (!TRANSFERS.some((start) => line.startsWith(start))) return null;
  // The first four texts are the type, the transaction id and the accounts, none of which contains a quotation mark.
  const parts = line.split('"', 8);
  const [source, destination] = [parts[5], parts[7]];
  return source === undefined || destination === undefined ? null : [source, destination];
}

const CHANGE = `["${TYPES.change}",`;

export const isAccountChange = (line: string): boolean => line.startsWith(CHANGE);

/**
 * The transfer or the account that a line changes, for the lists of transfers and accounts. For a leg, the id is that
 * of its transfer. Null for any other entry.
 */
export function changedIn(line: string): { what: 'transfer' | 'account'; id: string } | null {
  if (TRANSFERS.some((start) => line.startsWith(start))) {
    const id = line.split('"', 4)[3];
    return id === undefined ? null : { what: 'transfer', id: transactionIdOf(id) };
  }
  if (!ACCOUNTS.some((start) => line.startsWith(start))) return null;
  const entry = decodeEntry(line);
  if (entry.kind === 'account-changed') return { what: 'account', id: entry.change.accountId };
  if (entry.kind !== 'account-opened' && entry.kind !== 'account-state') return null;
  return { what: 'account', id: entry.accountId };
}

const ACCOUNTS = [TYPES.opening, TYPES.state, TYPES.change].map((type) => `["${type}",`);
