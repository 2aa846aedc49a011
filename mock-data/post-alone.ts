import { type ApiClient, member } from './client.ts';
import type { GroupLine, HoldEventLine, HoldLine, PaymentLine, SplitLine, TransferLine } from './lines.ts';
import type { ItemResult } from './post.ts';

/** The name of each kind in reports. */
export const NAMES = {
  opening: 'transfers',
  transfer: 'transfers',
  hold: 'holds',
  raise: 'raised holds',
  capture: 'captures',
  void: 'voided holds',
  group: 'groups',
  split: 'splits',
} as const satisfies Record<PaymentLine['kind'], string>;

export const isTransfer = (line: PaymentLine): line is TransferLine =>
  line.kind === 'transfer' || line.kind === 'opening';

export function idOf(line: PaymentLine): string {
  switch (line.kind) {
    case 'opening':
    case 'transfer':
      return line.body.transactionId;
    case 'group':
    case 'split':
      return line.body.groupId;
    case 'hold':
      return line.body.holdId;
    default:
      return line.holdId;
  }
}

/** The path that returns the outcome of a line, and whether it is persisted. */
export function pathOf(line: PaymentLine): string {
  const id = encodeURIComponent(idOf(line));
  if (isTransfer(line)) return `/v1/transfers/${id}`;
  return line.kind === 'group' || line.kind === 'split' ? `/v1/transfers/group/${id}` : `/v1/holds/${id}`;
}

/**
 * Sends a line that cannot be part of a batch, and repeats it until it has an outcome. @throws GaveUp, or the signal's
 * reason
 */
export async function sendAlone(
  client: ApiClient,
  line: HoldLine | HoldEventLine | GroupLine | SplitLine,
): Promise<ItemResult> {
  switch (line.kind) {
    case 'hold':
      return resultOf(await client.send('POST', '/v1/holds', line.body));
    case 'group':
    case 'split':
      return resultOf(await client.send('POST', `/v1/transfers/${line.kind}`, line.body));
    case 'void':
      return resultOf(await client.send('POST', `${pathOf(line)}/void`, {}));
    case 'capture': {
      const { transactionId, amount } = line;
      return resultOf(await client.send('POST', `${pathOf(line)}/capture`, { transactionId, amount }));
    }
    case 'raise':
      return raise(client, line);
  }
}

/**
 * A raise has no id: if the hold has changed since it was placed, the hold's amount shows whether this raise was
 * already made.
 */
async function raise(client: ApiClient, line: HoldEventLine): Promise<ItemResult> {
  const answer = await client.send('PATCH', pathOf(line), { amount: line.amount }, { 'if-match': '"1"' });
  if (answer.status < 300) return resultOf(answer);
  const hold = await client.json('GET', pathOf(line));
  return resultOf(member(hold.body, 'amount') === line.amount ? hold : answer);
}

function resultOf({ status, body }: { status: number; body: unknown }): ItemResult {
  const code = member(body, 'code');
  return { status, code: status < 300 || typeof code !== 'string' ? '' : code, body };
}
