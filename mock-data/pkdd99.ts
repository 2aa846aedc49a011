/**
 * A year (or six) of a real bank, as published for the PKDD'99 Discovery Challenge, as lines of mock data.
 *
 * Every account of the file is opened as `pkdd-<account_id>`, and every row becomes one transfer `pkdd99-<trans_id>`
 * between it and an external account that represents the counterparty: cash, cards, each other bank, interest, fees.
 *
 * The file is read twice. The first pass orders each day (`orderOfDay`) and follows every account's arithmetic balance:
 * if the bank itself let an account go below zero, the account's overdraft limit has to reach that far, rounded up to a
 * multiple of 100 Kč. All other accounts get none, so the service checks every debit of the year.
 */
import type { Line, Source } from './lines.ts';
import { toDecimal } from './money.ts';
import { isCredit, type PkddRow, readDays, signedAmount } from './pkdd99-file.ts';
import { orderOfDay } from './pkdd99-order.ts';

const CURRENCY = 'CZK';
const OVERDRAFT_STEP = 100_00;

/** The facts that the first pass determines about an account. Money in haléř. */
export interface PkddAccount {
  accountId: string;
  /** The sum of its rows; the recorded balance differs from it by the sum of the bank's roundings. */
  balance: number;
  recorded: number;
  lowest: number;
}

export interface PkddSurvey {
  accounts: Map<string, PkddAccount>;
  /** External accounts by id, with their names. */
  externals: Map<string, string>;
  rows: number;
  /** The number of rows for each difference between the recorded balance and the previous balance plus the amount. */
  roundings: Map<number, number>;
}

/** Makes both passes; with `accountsMax`, only for the accounts that appear first. @throws Error like `readDays` */
export async function importPkdd99(
  path: string,
  accountsMax = Number.POSITIVE_INFINITY,
): Promise<Source & { survey: PkddSurvey }> {
  const survey = await surveyFile(path, accountsMax);
  return { survey, transfersTotal: survey.rows, lines: linesOf(path, survey) };
}

export function accountIdOf(row: PkddRow): string {
  return `pkdd-${row.accountId}`;
}

/** The overdraft limit that the bank's own history needs. */
export function overdraftFor(account: PkddAccount): number {
  return account.lowest >= 0 ? 0 : Math.ceil(-account.lowest / OVERDRAFT_STEP) * OVERDRAFT_STEP;
}

/** The counterparty of a row. `VYBER` is also used for deducted fees and interest. */
export function counterpartyOf(row: PkddRow): { id: string; name: string } {
  const { operation, kSymbol, bank } = row;
  if (kSymbol === 'SLUZBY') return { id: 'pkdd-x-fees', name: 'Fees' };
  if (kSymbol === 'SANKC. UROK') return { id: 'pkdd-x-penalty-interest', name: 'Penalty interest' };
  if (kSymbol === 'UROK') return { id: 'pkdd-x-interest', name: 'Interest' };
  if (operation === 'VYBER KARTOU') return { id: 'pkdd-x-cards', name: 'Cards' };
  if (operation === 'VKLAD' || operation === 'VYBER') return { id: 'pkdd-x-cash', name: 'Cash' };
  if (operation.startsWith('PREVOD')) {
    if (/^[A-Z]{2}$/.test(bank)) return { id: `pkdd-x-bank-${bank}`, name: `Bank ${bank}` };
    return { id: 'pkdd-x-bank-unnamed', name: 'Banks that the file does not name' };
  }
  return { id: 'pkdd-x-other', name: 'Other' };
}

async function surveyFile(path: string, accountsMax: number): Promise<PkddSurvey> {
  const survey: PkddSurvey = { accounts: new Map(), externals: new Map(), rows: 0, roundings: new Map() };
  for await (const day of readDays(path)) {
    for (const { accountId } of day) {
      if (survey.accounts.has(accountId) || survey.accounts.size >= accountsMax) continue;
      survey.accounts.set(accountId, { accountId, balance: 0, recorded: 0, lowest: 0 });
    }
    for (const row of ordered(day, survey, (account) => account.recorded)) {
      const account = survey.accounts.get(row.accountId);
      if (account === undefined) continue;
      const rounding = row.balance - (account.recorded + signedAmount(row));
      survey.roundings.set(rounding, (survey.roundings.get(rounding) ?? 0) + 1);
      account.balance += signedAmount(row);
      account.lowest = Math.min(account.lowest, account.balance);
      account.recorded = row.balance;
      survey.rows++;
      const { id, name } = counterpartyOf(row);
      survey.externals.set(id, name);
    }
  }
  return survey;
}

/**
 * The rows of the surveyed accounts: the rows of each account in order, and the accounts by first appearance on that
 * day.
 */
function ordered(day: readonly PkddRow[], survey: PkddSurvey, before: (account: PkddAccount) => number): PkddRow[] {
  const byAccount = new Map<PkddAccount, PkddRow[]>();
  for (const row of day) {
    const account = survey.accounts.get(row.accountId);
    if (account === undefined) continue;
    const rows = byAccount.get(account);
    if (rows === undefined) byAccount.set(account, [row]);
    else rows.push(row);
  }
  return [...byAccount].flatMap(([account, rows]) => orderOfDay(rows, before(account)));
}

async function* linesOf(path: string, survey: PkddSurvey): AsyncGenerator<Line> {
  for (const [accountId, name] of survey.externals) {
    yield { kind: 'account', body: { accountId, currency: CURRENCY, name, external: true } };
  }
  for (const account of survey.accounts.values()) {
    const overdraft = overdraftFor(account);
    const body = { accountId: `pkdd-${account.accountId}`, currency: CURRENCY, name: `Account ${account.accountId}` };
    yield { kind: 'account', body: overdraft > 0 ? { ...body, overdraftLimit: toDecimal(overdraft, CURRENCY) } : body };
  }
  const recorded = new Map<string, number>();
  for await (const day of readDays(path)) {
    for (const row of ordered(day, survey, (account) => recorded.get(account.accountId) ?? 0)) {
      recorded.set(row.accountId, row.balance);
      yield transferOf(row);
    }
  }
}

function transferOf(row: PkddRow): Line {
  const other = counterpartyOf(row);
  const [source, destination] = isCredit(row) ? [other.id, accountIdOf(row)] : [accountIdOf(row), other.id];
  const { type, operation, kSymbol, bank, account } = row;
  // Empty values are omitted: the service rejects empty text, and they carry no information.
  const metadata = Object.entries({ type, operation, kSymbol, bank, account }).filter(([, value]) => value !== '');
  return {
    kind: 'transfer',
    expect: 'POSTED',
    order: isCredit(row) ? 'destination' : 'source',
    recorded: toDecimal(row.balance, CURRENCY),
    body: {
      transactionId: `pkdd99-${row.transId}`,
      sourceAccount: source,
      destinationAccount: destination,
      amount: toDecimal(row.amount, CURRENCY),
      currency: CURRENCY,
      timestamp: new Date(row.dayMs).toISOString(),
      reference: other.name,
      metadata: Object.fromEntries(metadata),
    },
  };
}
