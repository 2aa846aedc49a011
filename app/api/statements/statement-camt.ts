import { createHash } from 'node:crypto';
import { formatAmount } from '../../domain/money.ts';
import { formatTimestamp } from '../schemas/fields.ts';
import type { NamedPosting, Statement } from './statement.ts';

const NAMESPACE = 'urn:iso:std:iso:20022:tech:xsd:camt.053.001.08';
/** The maximum lengths of references (Max35Text) and of account numbers (Max34Text). */
const REFERENCE_LENGTH_MAX = 35;
const ACCOUNT_LENGTH_MAX = 34;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const IBAN = /^[A-Z]{2}\d{2}[A-Za-z0-9]{11,30}$/;

/**
 * A statement as ISO 20022 camt.053.001.08 (BankToCustomerStatementV08). Elements are in the order of its schema.
 * @param messageId unique for each message, at most 35 characters
 */
export async function* camtOf(
  statement: Statement,
  messageId: string,
  pages: AsyncIterable<NamedPosting[]>,
): AsyncIterable<string> {
  const { accountId, name, currency, from, to, createdAt, openingBalance, closingBalance } = statement;
  const created = element('CreDtTm', formatTimestamp(createdAt));
  yield [
    `<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="${NAMESPACE}">\n<BkToCstmrStmt>\n`,
    nested('GrpHdr', element('MsgId', messageId), created),
    `\n<Stmt>\n`,
    element('Id', statementId(statement)),
    created,
    nested('FrToDt', element('FrDtTm', formatTimestamp(from)), element('ToDtTm', formatTimestamp(to))),
    nested(
      'Acct',
      accountNumber(accountId),
      element('Ccy', currency),
      proxy(accountId),
      name === null ? '' : nested('Ownr', element('Nm', name)),
    ),
    '\n',
    balance('OPBD', openingBalance, currency, from),
    balance('CLBD', closingBalance, currency, to),
  ].join('');
  for await (const page of pages) yield page.map(entry).join('');
  yield '</Stmt>\n</BkToCstmrStmt>\n</Document>\n';
}

/** Identical in all statements of the same account and period. */
const statementId = ({ accountId, from, to }: Statement): string =>
  digest(`${accountId} ${from} ${to}`, REFERENCE_LENGTH_MAX);

const balance = (code: 'OPBD' | 'CLBD', units: number, currency: string, at: number): string =>
  `${nested(
    'Bal',
    nested('Tp', nested('CdOrPrtry', element('Cd', code))),
    amount(units, currency),
    element('CdtDbtInd', units < 0 ? 'DBIT' : 'CRDT'),
    nested('Dt', element('DtTm', formatTimestamp(at))),
  )}\n`;

function entry(posting: NamedPosting): string {
  const { kind, version, currency, acceptedAt, timestamp, transactionId } = posting;
  const isDebit = posting.amount < 0;
  return `${nested(
    'Ntry',
    element('NtryRef', String(version)),
    amount(posting.amount, currency),
    element('CdtDbtInd', isDebit ? 'DBIT' : 'CRDT'),
    kind === 'reversal' ? element('RvslInd', 'true') : '',
    nested('Sts', element('Cd', 'BOOK')),
    nested('BookgDt', element('DtTm', formatTimestamp(acceptedAt))),
    nested('ValDt', element('DtTm', formatTimestamp(timestamp ?? acceptedAt))),
    element('AcctSvcrRef', shortReference(transactionId)),
    // An internal book transfer, issued or received.
    nested(
      'BkTxCd',
      nested(
        'Domn',
        element('Cd', 'PMNT'),
        nested('Fmly', element('Cd', isDebit ? 'ICDT' : 'RCDT'), element('SubFmlyCd', 'BOOK')),
      ),
      nested('Prtry', element('Cd', kind), element('Issr', 'Holdfast')),
    ),
    nested('NtryDtls', details(posting, isDebit)),
  )}\n`;
}

function details(posting: NamedPosting, isDebit: boolean): string {
  const { transactionId, counterparty, counterpartyName, reference, groupId, reverses, hold } = posting;
  const party = isDebit ? 'Cdtr' : 'Dbtr';
  return nested(
    'TxDtls',
    nested(
      'Refs',
      element('TxId', shortReference(transactionId)),
      furtherReference('group', groupId),
      furtherReference('reverses', reverses),
      furtherReference('hold', hold?.holdId ?? null),
    ),
    nested(
      'RltdPties',
      counterpartyName === null ? '' : nested(party, nested('Pty', element('Nm', counterpartyName))),
      nested(`${party}Acct`, accountNumber(counterparty), proxy(counterparty)),
    ),
    reference === null ? '' : nested('RmtInf', element('Ustrd', reference)),
    isHashed(transactionId) ? element('AddtlTxInf', `transactionId ${transactionId}`) : '',
  );
}

const furtherReference = (type: string, id: string | null): string =>
  id === null ? '' : nested('Prtry', element('Tp', type), element('Ref', shortReference(id)));

const amount = (units: number, currency: string): string =>
  `<Amt Ccy="${currency}">${formatAmount(Math.abs(units), currency)}</Amt>`;

/** Whether an id is too long for a reference and is not a UUID, which fits without its hyphens. */
const isHashed = (id: string): boolean => id.length > REFERENCE_LENGTH_MAX && !UUID.test(id);

function shortReference(id: string): string {
  if (id.length <= REFERENCE_LENGTH_MAX) return id;
  return UUID.test(id) ? id.replaceAll('-', '') : digest(id, REFERENCE_LENGTH_MAX);
}

/** Longer ids are replaced by a digest; `proxy` then has the id. */
function accountNumber(id: string): string {
  if (isIban(id)) return nested('Id', element('IBAN', id));
  return nested(
    'Id',
    nested('Othr', element('Id', id.length <= ACCOUNT_LENGTH_MAX ? id : digest(id, ACCOUNT_LENGTH_MAX))),
  );
}

const proxy = (id: string): string =>
  id.length <= ACCOUNT_LENGTH_MAX ? '' : nested('Prxy', nested('Tp', element('Prtry', 'accountId')), element('Id', id));

/** ISO 13616: the check digits make the number 1 modulo 97. */
function isIban(id: string): boolean {
  if (!IBAN.test(id)) return false;
  let rest = 0;
  for (const char of id.slice(4) + id.slice(0, 4)) {
    const value = Number.parseInt(char, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

/** Hex digits of SHA-256. */
const digest = (text: string, length: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, length);

const nested = (name: string, ...content: string[]): string => `<${name}>${content.join('')}</${name}>`;
const element = (name: string, text: string): string => `<${name}>${escapeXml(text)}</${name}>`;

/** Everything that XML 1.0 does not allow, even as a character reference. */
const NOT_XML = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu;

function escapeXml(text: string): string {
  return text.replace(NOT_XML, '\uFFFD').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
