import type { NamedPosting, Statement } from '../statement.ts';

const START = Date.UTC(2026, 0, 1);

export const statement = (fields: Partial<Statement> = {}): Statement => ({
  accountId: 'ada',
  name: 'Ada',
  currency: 'EUR',
  from: START,
  to: START + 86_400_000,
  createdAt: START + 90_000_000,
  openingBalance: 1000,
  closingBalance: -250,
  after: 1,
  until: 3,
  ...fields,
});

export const posting = (fields: Partial<NamedPosting> = {}): NamedPosting => ({
  accountId: 'ada',
  kind: 'transfer',
  version: 2,
  amount: -1250,
  balanceAfter: -250,
  heldAfter: null,
  currency: 'EUR',
  transactionId: '019ad3c2-7a11-7b52-8f06-d1c4e0a97b35',
  counterparty: 'shop',
  counterpartyName: 'Shop',
  timestamp: null,
  reference: 'Invoice 7',
  metadata: null,
  groupId: null,
  reverses: null,
  hold: null,
  acceptedAt: START + 1,
  persistedAt: START + 2,
  correlationId: 'c',
  user: 'tester',
  ...fields,
});

export async function textOf(chunks: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const chunk of chunks) text += chunk;
  return text;
}

export async function* pagesOf(...pages: NamedPosting[][]): AsyncIterable<NamedPosting[]> {
  yield* pages;
}
