import type { BookedTransfer, Books } from './books.ts';
import { type Violation, Violations } from './violations.ts';

/** The members of a CloudEvent of the change feed that are checked. */
export interface ReceivedEvent {
  id: string;
  type: string;
  data: Readonly<Record<string, unknown>>;
}

const TRANSFER = /^holdfast\.transfer\.(posted|rejected)$/;
const HOLD = /^holdfast\.hold\.(placed|changed|voided|expired|rejected)$/;

/**
 * Compares the events of a consumer of the change feed, in the order of receipt, with the books: there must be exactly
 * one for everything that was committed, in the order of the versions of each account, without gaps. Pure.
 * @param prefix of the accounts that the books are about
 */
export function checkEvents(events: readonly ReceivedEvent[], books: Books, prefix: string): Violation[] {
  const violations = new Violations();
  const fail = (what: string) => violations.add('events', what);
  const received = new Map<string, string>();
  const versions = new Map<string, number>();
  const ids = new Set<string>();
  for (const event of events) {
    if (ids.has(event.id)) fail(`the event ${event.id} came twice`);
    ids.add(event.id);
    const isOurs = accountsIn(event).some((account) => account.startsWith(prefix));
    const what = isOurs ? subjectOf(event) : null;
    if (what === null) continue;
    if (received.has(what)) fail(`two events state: ${what}`);
    received.set(what, event.id);
    for (const [account, version] of versionsIn(event)) {
      if (!account.startsWith(prefix)) continue;
      const before = versions.get(account) ?? 0;
      if (version !== before + 1) fail(`version ${version} of ${account} follows version ${before}`);
      versions.set(account, version);
    }
  }
  const booked = new Set(subjectsIn(books));
  for (const what of booked)
    if (!received.has(what)) fail(`MySQL contains this, but there is no event for it: ${what}`);
  for (const [what, id] of received)
    if (!booked.has(what)) fail(`MySQL does not contain what event ${id} states: ${what}`);
  for (const { accountId, version } of books.accounts)
    if (accountId.startsWith(prefix) && (versions.get(accountId) ?? 0) !== version)
      fail(`the last event of ${accountId} has version ${versions.get(accountId) ?? 0}, but MySQL has ${version}`);
  return violations.listed;
}

const text = (value: unknown): string => (value === undefined || value === null ? '' : String(value));

function accountsIn({ data }: ReceivedEvent): string[] {
  return [data['sourceAccount'], data['destinationAccount'], data['account']].map(text);
}

/** What an event states, in the format of `subjectsIn`; null if the books are not about it. */
function subjectOf({ type, data }: ReceivedEvent): string | null {
  if (TRANSFER.test(type)) {
    const positions = [
      data['sourceVersion'],
      data['sourceBalance'],
      data['destinationVersion'],
      data['destinationBalance'],
    ];
    const content = [data['sourceAccount'], data['destinationAccount'], data['amount'], data['currency']];
    return line('transfer', [data['transactionId'], data['leg'], data['refusal'], ...content, ...positions]);
  }
  if (!HOLD.test(type)) return null;
  if (data['refusal'] !== undefined) return line('hold', [data['holdId'], data['refusal']]);
  return line('hold', [
    data['holdId'],
    data['revision'],
    data['status'],
    data['amount'],
    data['version'],
    data['heldAfter'],
  ]);
}

const line = (kind: string, fields: readonly unknown[]): string => [kind, ...fields.map(text)].join(' ');

function subjectsIn({ transfers, holds = [], holdEvents = [] }: Books): string[] {
  return [
    ...transfers.flatMap((transfer) => bookedSubject(transfer) ?? []),
    ...holds.flatMap(({ holdId, refusal }) => (refusal === null ? [] : line('hold', [holdId, refusal]))),
    ...holdEvents.map(({ holdId, hold, version, held, currency }) =>
      line('hold', [
        holdId,
        hold.revision,
        hold.status,
        inMajor(hold.amount, currency),
        version,
        inMajor(held, currency),
      ]),
    ),
  ];
}

/**
 * Null for rows that clients do not see: refusals of `back` and of payouts, and transfers between the ledger's own
 * accounts.
 */
function bookedSubject(transfer: BookedTransfer): string | null {
  const { leg, refusal, source, destination } = transfer;
  const [id = '', ...isPayout] = transfer.transactionId.split('~paid:');
  const name = leg?.name ?? (isPayout.length > 0 ? 'payout' : undefined);
  if (refusal !== null && (name === 'back' || name === 'payout')) return null;
  if (isInner(transfer.content.source) && isInner(transfer.content.destination)) return null;
  const content = leg?.content ?? transfer.content;
  const { currency } = content;
  const ofSource = name === 'in' || name === 'payout' ? null : name === 'back' ? destination : source;
  const ofDestination = name === 'out' || name === 'back' ? null : destination;
  const position = (at: typeof source) => [at?.version, at === null ? null : inMajor(at.balance, currency)];
  return line('transfer', [
    ...[leg?.of ?? id, name, refusal],
    ...[name === 'payout' ? null : content.source, content.destination],
    ...[inMajor(transfer.content.amount, currency), currency],
    ...position(ofSource),
    ...position(ofDestination),
  ]);
}

const isInner = (accountId: string): boolean => accountId.startsWith('~');

const DECIMALS: Readonly<Record<string, number>> = { EUR: 2, USD: 2, CHF: 2, GBP: 2, JPY: 0, KWD: 3 };

function inMajor(units: number, currency: string): string {
  const decimals = DECIMALS[currency];
  if (decimals === undefined) throw new RangeError(`the decimals of ${currency} are not known`);
  const digits = String(Math.abs(units)).padStart(decimals + 1, '0');
  const cut = digits.length - decimals;
  return `${units < 0 ? '-' : ''}${digits.slice(0, cut)}${decimals === 0 ? '' : `.${digits.slice(cut)}`}`;
}

function versionsIn({ type, data }: ReceivedEvent): [account: string, version: number][] {
  const pairs: [unknown, unknown][] = TRANSFER.test(type)
    ? [
        [data['sourceAccount'], data['sourceVersion']],
        [data['destinationAccount'], data['destinationVersion']],
      ]
    : [[data['account'], data['version']]];
  return pairs.flatMap(([account, version]) => (version === undefined ? [] : [[text(account), Number(version)]]));
}
