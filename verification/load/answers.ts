import type { Answer, Position, TransferContent } from '../checker/history.ts';
import type { NoAnswer, Reply } from '../harness/client.ts';

type Fields = Readonly<Record<string, unknown>>;
export const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? (value as Fields) : {};

/**
 * The decimal places of the currencies that the populations use. Not the service's own table, because the checker must
 * not share its mistakes.
 */
const DIGITS: Readonly<Record<string, number>> = { EUR: 2, JPY: 0 };

const digitsOf = (currency: string): number => {
  const digits = DIGITS[currency];
  if (digits === undefined) throw new RangeError(`no population uses ${currency}`);
  return digits;
};

/** "-12.34" EUR → -1234. @throws RangeError for anything that is not an amount in that currency */
export function minorUnits(text: unknown, currency: string): number {
  const digits = digitsOf(currency);
  const form = digits === 0 ? /^-?\d+$/ : new RegExp(`^-?\\d+\\.\\d{${digits}}$`);
  if (typeof text !== 'string' || !form.test(text))
    throw new RangeError(`${JSON.stringify(text)} is not an amount in ${currency}`);
  return Number(text.replace('.', ''));
}

/** 1234 EUR → "12.34". */
export function majorUnits(units: number, currency: string): string {
  const digits = digitsOf(currency);
  const text = String(units).padStart(digits + 1, '0');
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** The meaning of an answer to a transfer (alone, or as an item of a batch) for its id. */
export function answerOf(status: number, body: unknown, currency: string): Answer {
  const fields = fieldsOf(body);
  const code = String(fields['code'] ?? 'no_code');
  if (status === 200 || status === 201) {
    const side = (name: string): Position => ({
      balance: minorUnits(fields[`${name}Balance`], currency),
      version: Number(fields[`${name}Version`]),
    });
    const replayed = fields['replayed'] === true;
    return { kind: 'posted', source: side('source'), destination: side('destination'), replayed, ...factsIn(fields) };
  }
  if (status === 422) return { kind: 'rejected', code };
  return isRefusal(status) ? { kind: 'refused', status, code } : { kind: 'unknown', reason: `${status} ${code}` };
}

function factsIn(fields: Fields): { acceptedAt: number; content: TransferContent } {
  const currency = String(fields['currency']);
  return {
    acceptedAt: Date.parse(String(fields['acceptedAt'])),
    content: {
      source: String(fields['sourceAccount']),
      destination: String(fields['destinationAccount']),
      amount: minorUnits(fields['amount'], currency),
      currency,
      ...(typeof fields['groupId'] === 'string' && { groupId: fields['groupId'] }),
    },
  };
}

/** 503 guarantees that no attempt has left the pod; 504, 500 and responses of a proxy guarantee nothing. */
export const isRefusal = (status: number): boolean => status === 503 || (status >= 400 && status < 500);

/**
 * The meaning of an answer to `GET /v1/transfers/{id}` for the id; only an outcome and `absent` say anything about it.
 */
export function answerOfLookUp({ status, body }: Reply, currency: string): Answer {
  const fields = fieldsOf(body);
  if (status === 404 && fields['code'] === 'transfer_not_found') return { kind: 'absent' };
  // Without an answer, the body is the reason.
  if (status !== 200)
    return { kind: 'refused', status, code: String(fields['code'] ?? (status === 0 ? body : status)) };
  // A transfer between shards that is in progress has no outcome yet.
  if (fields['status'] === 'PENDING') return { kind: 'refused', status, code: 'pending' };
  if (fields['status'] !== 'REJECTED') return answerOf(status, { ...fields, replayed: true }, currency);
  return { kind: 'rejected', code: String(fields['refusal']), ...factsIn(fields) };
}

export const answerOfReply = ({ status, body }: Reply, currency: string): Answer => answerOf(status, body, currency);

export function answerOfSilence({ message, delivered }: NoAnswer): Answer {
  return delivered ? { kind: 'unknown', reason: message } : { kind: 'refused', status: 0, code: message };
}
