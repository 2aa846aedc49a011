import { z } from 'zod';
import { newUuidV7 } from '../../domain/ids.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { History } from '../../ledger/ports/history.ts';
import type { Books, Ledger } from '../../ledger/ports/ledger.ts';
import { type Route, route } from '../http/route.ts';
import { invalid } from '../http/validation.ts';
import { AccountIdParams, formatTimestamp, TimestampInput } from '../schemas/fields.ts';
import { completePeriod } from './complete-period.ts';
import { postingsOf, type Statement } from './statement.ts';
import { camtOf } from './statement-camt.ts';
import { csvOf } from './statement-csv.ts';
import { CAMT_EXAMPLE, CSV_EXAMPLE } from './statement-examples.ts';

interface StatementDependencies {
  ledger: Ledger;
  books: Books;
  history: History;
  clock: Clock;
  ledgerNow: () => number;
}

const CSV = 'text/csv';
const XML = 'application/xml';
const FORMATS = {
  csv: { type: `${CSV}; charset=utf-8; header=present`, extension: 'csv' },
  'camt.053': { type: `${XML}; charset=utf-8`, extension: 'xml' },
} as const;
type Format = keyof typeof FORMATS;

const StatementQuery = z.strictObject({
  from: TimestampInput.meta({
    description: 'The start of the period, inclusive, as a time of acceptance.',
    example: '2026-01-01T00:00:00Z',
  }),
  to: TimestampInput.meta({
    description: 'The end of the period, exclusive. It must not be in the future.',
    example: '2026-02-01T00:00:00Z',
  }),
  format: z
    .enum(['csv', 'camt.053'])
    .optional()
    .meta({ description: '`csv` or `camt.053`. By default, the `Accept` header decides; without one, CSV.' }),
});

export function statementRoutes(deps: StatementDependencies): Route[] {
  return [readStatement(deps)];
}

function readStatement({ ledger, books, history, clock, ledgerNow }: StatementDependencies): Route {
  return route({
    method: 'GET',
    path: '/v1/accounts/{id}/statement',
    scopes: ['balances:read'],
    accounts: 'path',
    tag: 'Postings',
    summary: 'Download a statement of an account as CSV or as ISO 20022 camt.053',
    description:
      'All transfers of a period, oldest first, with the opening and the closing balance; events of holds are not part of it. The same period always gives the same postings. If MySQL does not have all of them yet, or the period has only just ended, the request waits for up to 10 seconds and is then answered with `history_incomplete`.\n\nThe response is streamed. If it is cut off, it is incomplete: a CSV file without the row `closing_balance`, or an XML document that is not closed. `camt.053` is camt.053.001.08 (`BankToCustomerStatementV08`).',
    params: AccountIdParams,
    query: StatementQuery,
    answers: {
      200: {
        description: 'The statement',
        contents: { [CSV]: CSV_EXAMPLE, [XML]: CAMT_EXAMPLE },
        headers: { 'Content-Disposition': 'A name for the file.' },
      },
    },
    problems: ['account_not_found', 'database_unavailable', 'history_incomplete', 'shutting_down'],
    async handle({ params: { id: accountId }, query: { from, to, format = null }, header, identity }) {
      const createdAt = ledgerNow();
      checkPeriod(from, to, createdAt);
      const { name, currency } = await books.accountDetails(accountId);
      const { last: _, ...period } = await completePeriod({ ledger, history, clock }, accountId, from, to);
      const statement: Statement = { accountId, name, currency, from, to, createdAt, ...period };
      const pages = postingsOf(history, statement, identity);
      const chosen = format ?? accepted(header('accept'));
      const chunks =
        chosen === 'csv'
          ? csvOf(statement, pages)
          : camtOf(statement, newUuidV7(clock.now()).replaceAll('-', ''), pages);
      const { type, extension } = FORMATS[chosen];
      return {
        status: 200,
        stream: { type, chunks },
        headers: {
          'Content-Disposition': `attachment; filename="${fileName(statement)}.${extension}"`,
          Vary: 'Accept',
        },
      };
    },
  });
}

/** @throws Problem validation_failed */
function checkPeriod(from: number, to: number, now: number): void {
  if (to <= from) throw invalid([{ pointer: '/to', detail: 'must be after `from`' }]);
  if (to > now)
    throw invalid([
      { pointer: '/to', detail: `must not be in the future; the time of the ledger is ${formatTimestamp(now)}` },
    ]);
}

/** The format that comes first in an `Accept` header. */
function accepted(accept = ''): Format {
  const csv = accept.search(/text\/csv/i);
  const xml = accept.search(/(?:application|text)\/xml/i);
  return xml >= 0 && (csv < 0 || xml < csv) ? 'camt.053' : 'csv';
}

/** Ids may have characters that file systems do not allow. */
function fileName({ accountId, from, to }: Statement): string {
  const [first, last] = [from, to].map((time) => formatTimestamp(time).replaceAll(':', ''));
  return `statement-${accountId.replace(/[^A-Za-z0-9._-]/g, '_')}-${first}-${last}`;
}
