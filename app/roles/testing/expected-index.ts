import { expect } from 'vitest';
import type { Database } from '../../mysql/connection/pool.ts';
import {
  accountTerm,
  EVERY,
  kindTerm,
  metadataTerm,
  pairTerm,
  referenceTerm,
  statusTerm,
} from '../../mysql/search/terms.ts';

interface Row {
  id: string;
  at: Date;
  source: string;
  destination: string;
  amount: number;
  currency: string;
  status: string;
  kind: string;
  reference: string | null;
  metadata: string | null;
}

/** Expects the index to match the current books exactly, with each entry once. */
export async function expectIndexOf(books: Database, index: Database = books): Promise<void> {
  const rows = await books.rows<Row>(
    `SELECT t.transaction_id AS \`id\`, accepted_at AS \`at\`, COALESCE(client_source, source_account) AS source,
       COALESCE(client_destination, t.destination_account) AS destination, t.amount, t.currency, kind, \`reference\`, metadata,
       CASE c.state WHEN 'OPEN' THEN 'PENDING' WHEN 'RETURNED' THEN 'REJECTED' ELSE t.\`status\` END AS \`status\`
     FROM transfers t LEFT JOIN crossings c ON c.transaction_id = t.transaction_id
     WHERE t.transaction_id NOT LIKE '%~%'`,
  );
  const wanted = rows.flatMap((row) => termsOf(row).map((term) => lineOf(term, row)));
  const found = await index.rows<Row & { term: Buffer; at_ms: number }>(
    `SELECT term, at_ms, transaction_id AS \`id\`, amount, currency, \`status\`, kind FROM search_transfers`,
  );
  expect(found.map((row) => lineOf(row.term.toString('hex'), { ...row, at: new Date(row.at_ms) })).sort()).toEqual(
    wanted.sort(),
  );
  const accounts = "SELECT account_id, currency, `status` FROM accounts WHERE account_id NOT LIKE '~%' ORDER BY 1";
  expect(await index.rows('SELECT account_id, currency, `status` FROM search_accounts ORDER BY 1')).toEqual(
    await books.rows(accounts),
  );
}

const lineOf = (term: string, { id, at, amount, currency, status, kind }: Row): string =>
  [term, at.getTime(), id, amount, currency, status, kind].join(' ');

function termsOf({ source, destination, reference, metadata, status, kind }: Row): string[] {
  const terms = [EVERY, accountTerm(source), accountTerm(destination), pairTerm(destination, source)];
  if (reference !== null) terms.push(referenceTerm(reference));
  for (const [key, value] of Object.entries(JSON.parse(metadata ?? '{}') as Record<string, string>))
    terms.push(metadataTerm(key, value));
  if (status !== 'POSTED') terms.push(statusTerm(status));
  if (kind !== 'TRANSFER') terms.push(kindTerm(kind));
  return terms;
}
