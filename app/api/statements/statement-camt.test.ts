import { describe, expect, it } from 'vitest';
import type { NamedPosting, Statement } from './statement.ts';
import { camtOf } from './statement-camt.ts';
import { deviationsOf } from './testing/camt-053-001-08.ts';
import { pagesOf, posting, statement, textOf } from './testing/statements.ts';
import { all, at, parseXml, type XmlElement } from './testing/xml.ts';

const MESSAGE_ID = '019ad3c27a117b528f06d1c4e0a97b35';
const LONG_ID = 'x'.repeat(64);
const IBAN = 'DE02120300000000202051';

async function documentOf(head: Partial<Statement>, ...postings: Partial<NamedPosting>[]): Promise<XmlElement> {
  const pages = pagesOf(postings.map(posting));
  const document = parseXml(await textOf(camtOf(statement(head), MESSAGE_ID, pages)));
  expect(deviationsOf(document)).toEqual([]);
  return document;
}
const entriesOf = (document: XmlElement) => all(document, 'Ntry');

describe('A statement as camt.053.001.08', () => {
  it('has the account, the period, and both balances', async () => {
    const document = await documentOf({});
    const [stmt] = all(document, 'Stmt') as [XmlElement];
    expect(at(stmt, 'Acct', 'Id', 'Othr', 'Id')).toBe('ada');
    expect(at(stmt, 'Acct', 'Ccy')).toBe('EUR');
    expect(at(stmt, 'Acct', 'Ownr', 'Nm')).toBe('Ada');
    expect(at(stmt, 'FrToDt', 'FrDtTm')).toBe('2026-01-01T00:00:00.000Z');
    expect(at(stmt, 'FrToDt', 'ToDtTm')).toBe('2026-01-02T00:00:00.000Z');
    const balances = all(stmt, 'Bal').map((balance) => [
      at(balance, 'Tp', 'CdOrPrtry', 'Cd'),
      at(balance, 'Amt'),
      at(balance, 'CdtDbtInd'),
      at(balance, 'Dt', 'DtTm'),
    ]);
    expect(balances).toEqual([
      ['OPBD', '10.00', 'CRDT', '2026-01-01T00:00:00.000Z'],
      ['CLBD', '2.50', 'DBIT', '2026-01-02T00:00:00.000Z'],
    ]);
    expect(entriesOf(document)).toEqual([]);
  });

  it('shows a debit with its creditor, and a credit with its debtor', async () => {
    const [debit, credit] = entriesOf(await documentOf({}, {}, { amount: 5, counterpartyName: null, reference: null }));
    const details = ['NtryDtls', 'TxDtls'];
    expect([at(debit as XmlElement, 'Amt'), at(debit as XmlElement, 'CdtDbtInd')]).toEqual(['12.50', 'DBIT']);
    expect(at(debit as XmlElement, ...details, 'RltdPties', 'Cdtr', 'Pty', 'Nm')).toBe('Shop');
    expect(at(debit as XmlElement, ...details, 'RltdPties', 'CdtrAcct', 'Id', 'Othr', 'Id')).toBe('shop');
    expect(at(debit as XmlElement, ...details, 'RmtInf', 'Ustrd')).toBe('Invoice 7');
    expect(at(debit as XmlElement, 'BkTxCd', 'Domn', 'Fmly', 'Cd')).toBe('ICDT');
    expect([at(credit as XmlElement, 'Amt'), at(credit as XmlElement, 'CdtDbtInd')]).toEqual(['0.05', 'CRDT']);
    expect(at(credit as XmlElement, ...details, 'RltdPties', 'DbtrAcct', 'Id', 'Othr', 'Id')).toBe('shop');
    expect(all(credit as XmlElement, 'Dbtr')).toEqual([]);
    expect(at(credit as XmlElement, 'BkTxCd', 'Domn', 'Fmly', 'Cd')).toBe('RCDT');
  });

  it('marks reversals, and refers to groups, holds and reversed transfers', async () => {
    const more = { groupId: 'g', reverses: 't1', hold: { holdId: 'h', heldChange: 0 } };
    const [entry] = entriesOf(await documentOf({}, { kind: 'reversal', ...more })) as [XmlElement];
    expect(at(entry, 'RvslInd')).toBe('true');
    expect(at(entry, 'BkTxCd', 'Prtry', 'Cd')).toBe('reversal');
    expect(all(all(entry, 'Refs')[0] as XmlElement, 'Prtry').map((one) => [at(one, 'Tp'), at(one, 'Ref')])).toEqual([
      ['group', 'g'],
      ['reverses', 't1'],
      ['hold', 'h'],
    ]);
  });

  it('shortens ids that do not fit, and contains them in full elsewhere', async () => {
    const ids = [{}, { transactionId: 'short' }, { transactionId: LONG_ID, counterparty: LONG_ID, groupId: LONG_ID }];
    const document = await documentOf({ accountId: LONG_ID }, ...ids);
    const entries = entriesOf(document);
    const references = entries.map((entry) => at(entry, 'AcctSvcrRef'));
    expect(references).toEqual([MESSAGE_ID, 'short', expect.stringMatching(/^[0-9a-f]{35}$/)]);
    expect(all(document, 'AddtlTxInf').map(({ text }) => text)).toEqual([`transactionId ${LONG_ID}`]);
    expect(all(document, 'Prxy').map((one) => at(one, 'Id'))).toEqual([LONG_ID, LONG_ID]);
  });

  it('recognizes IBANs by their check digits', async () => {
    const document = await documentOf({ accountId: IBAN }, { counterparty: IBAN.replace('02', '03') });
    expect(all(document, 'IBAN').map(({ text }) => text)).toEqual([IBAN]);
  });

  it('escapes text, and replaces what XML cannot contain', async () => {
    const reference = `<a b="c">&amp; ]]> ' 😀`;
    const [entry] = entriesOf(await documentOf({ name: 'A & B' }, { reference, counterpartyName: 'a\uFFFFb\u0001' }));
    expect(at(entry as XmlElement, 'NtryDtls', 'TxDtls', 'RmtInf', 'Ustrd')).toBe(reference);
    expect(at(entry as XmlElement, 'NtryDtls', 'TxDtls', 'RltdPties', 'Cdtr', 'Pty', 'Nm')).toBe('a\uFFFDb\uFFFD');
  });

  it('supports the largest amount, and amounts of currencies without decimals', async () => {
    const largest = { currency: 'KWD', amount: Number.MIN_SAFE_INTEGER };
    const [entry] = entriesOf(await documentOf({ currency: 'KWD', closingBalance: Number.MAX_SAFE_INTEGER }, largest));
    expect(at(entry as XmlElement, 'Amt')).toBe('9007199254740.991');
    const [yen] = entriesOf(await documentOf({ currency: 'JPY' }, { currency: 'JPY', amount: 1500 }));
    expect(at(yen as XmlElement, 'Amt')).toBe('1500');
  });

  it('has the same id whenever it is created, and a different one for another period', async () => {
    const idOf = async (head: Partial<Statement>) =>
      at((await documentOf(head)).children[0] as XmlElement, 'Stmt', 'Id');
    expect(await idOf({ createdAt: 5 })).toBe(await idOf({ createdAt: 6 }));
    expect(await idOf({})).not.toBe(await idOf({ from: 0 }));
  });
});

describe('The check of the structure', () => {
  const DEFECTS: [string, (xml: string) => string][] = [
    ['a missing element', (xml) => xml.replace(/<Sts>.*?<\/Sts>/, '')],
    ['elements in another order', (xml) => xml.replace(/(<Sts>.*?<\/Sts>)(<BookgDt>.*?<\/BookgDt>)/, '$2$1')],
    ['an unknown element', (xml) => xml.replace('<Sts>', '<Foo>1</Foo><Sts>')],
    ['a text that is too long', (xml) => xml.replace('Invoice 7', 'x'.repeat(141))],
    ['an amount without a currency', (xml) => xml.replace('<Amt Ccy="EUR">', '<Amt>')],
    ['a negative amount', (xml) => xml.replace('>12.50<', '>-12.50<')],
    ['a missing balance', (xml) => xml.replace(/<Bal>.*<\/Bal>/s, '')],
    ['another version', (xml) => xml.replace('001.08', '001.02')],
  ];
  it.each(DEFECTS)('finds %s', async (_what, damage) => {
    const xml = await textOf(camtOf(statement(), MESSAGE_ID, pagesOf([posting()])));
    expect(damage(xml)).not.toBe(xml);
    expect(deviationsOf(parseXml(damage(xml)))).not.toEqual([]);
  });
  it.each(['<A>', '<A></B>', '<A>&</A>', '<A><</A>', '<A/>'])('uses a parser that refuses %s', (xml) => {
    expect(() => parseXml(xml)).toThrow(SyntaxError);
  });
});
