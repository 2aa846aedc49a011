import { describe, expect, it, test } from 'vitest';
import { PainMessage } from './pain.ts';
import type { InvalidRow } from './payment.ts';
import { SourceFile } from './source-file.ts';
import { painMessage, transaction } from './testing/pain-message.ts';
import { paymentsOf, rowsOf, temporaryFile } from './testing/temporary-file.ts';

const read = (content: string | Uint8Array, executeNow = false) =>
  rowsOf(content, (file) => new PainMessage(file, { today: '2026-01-31', executeNow }).rows());
const one = (amount = '12.34', creditor?: string, more?: string) =>
  painMessage([{ transactions: [transaction(amount, creditor, more)] }]);
const IBAN = 'DE02120300000000202051';
const METADATA = { messageId: 'M-1', paymentInformationId: 'P-1' };

describe('A pain.001 message', () => {
  test.each(['03', '09'])('of version %s has payments from its debtor to its creditors', async (version) => {
    const message = painMessage(
      [
        {
          head: '<NbOfTxs>2</NbOfTxs><CtrlSum>3.5</CtrlSum>',
          transactions: [
            transaction('1'),
            transaction('2.50', '<Othr><Id>shop-1</Id></Othr>', '<RmtInf><Ustrd>Rent &lt;May&gt;</Ustrd></RmtInf>'),
          ],
        },
        {
          debtor: 'other',
          transactions: [
            transaction(
              '+010.000',
              undefined,
              '<RmtInf><Strd><CdtrRefInf><Ref>RF18</Ref></CdtrRefInf></Strd></RmtInf>',
            ),
          ],
        },
      ],
      { version, group: '<NbOfTxs>3</NbOfTxs><CtrlSum>13.50</CtrlSum>' },
    );
    const rows = await read(message);
    expect(rows.map(({ row, line }) => [row, line])).toEqual([
      [1, 10],
      [2, 17],
      [3, 30],
    ]);
    expect(paymentsOf(rows)).toEqual([
      { sourceAccount: 'acme', destinationAccount: IBAN, amount: '1.00', currency: 'EUR', metadata: METADATA },
      {
        ...{ sourceAccount: 'acme', destinationAccount: 'shop-1', amount: '2.50', currency: 'EUR' },
        ...{ reference: 'Rent <May>', metadata: METADATA },
      },
      {
        ...{ sourceAccount: 'other', destinationAccount: IBAN, amount: '10.00', currency: 'EUR' },
        ...{ reference: 'RF18', metadata: METADATA },
      },
    ]);
  });

  it('may have prefixes, comments and CDATA', async () => {
    const message = one('1', '<Othr><Id><![CDATA[shop]]>-<!-- no -->1</Id></Othr>')
      .replace('<Document xmlns=', '<p:Document xmlns:p=')
      .replace('</Document>', '</p:Document>')
      .replace(/<(\/?)(?=[A-Z])/g, '<$1p:');
    expect(paymentsOf(await read(message))).toMatchObject([{ destinationAccount: 'shop-1' }]);
  });

  test.each([
    ['too many transactions', '<NbOfTxs>2</NbOfTxs>', 'NbOfTxs is 2, but there are 1 transactions'],
    ['a number of transactions that is not a number', '<NbOfTxs>1e0</NbOfTxs>', 'NbOfTxs is 1e0'],
    ['no number of transactions', '', 'NbOfTxs is missing'],
    [
      'another sum',
      '<NbOfTxs>1</NbOfTxs><CtrlSum>12.35</CtrlSum>',
      'CtrlSum is 12.35, but the sum of the amounts is 12.34',
    ],
    [
      'a sum that differs only beyond the precision of a float',
      '<NbOfTxs>1</NbOfTxs><CtrlSum>12.34000000000000001</CtrlSum>',
      'CtrlSum is',
    ],
  ])('that states %s is refused', async (_what, group, error) => {
    await expect(read(painMessage([{ transactions: [transaction('12.34')] }], { group }))).rejects.toThrow(error);
  });

  it('whose block states another sum is refused, and the error names its line', async () => {
    const head = '<CtrlSum>1</CtrlSum>';
    await expect(read(painMessage([{ head, transactions: [transaction('2')] }]))).rejects.toThrow(
      /:5: CtrlSum is 1, but/,
    );
  });

  test.each([
    ['an amount with too many decimals', one('1.234'), 'Amt/InstdAmt has 3 decimals, but EUR allows at most 2'],
    ['a negative amount', one('-1'), /Amt\/InstdAmt must be a decimal number/],
    [
      'no amount',
      one().replace(/<InstdAmt.*<\/InstdAmt>/, '<EqvtAmt></EqvtAmt>'),
      'Amt/InstdAmt is missing; Amt/InstdAmt@Ccy is missing',
    ],
    ['no creditor', one('12.34', ''), 'CdtrAcct/Id is missing'],
    ['two accounts', one('12.34', '<IBAN>A</IBAN><IBAN>B</IBAN>'), 'CdtrAcct/Id/IBAN appears twice'],
    ['an IBAN and another id', one('12.34', '<IBAN>A</IBAN><Othr><Id>B</Id></Othr>'), 'CdtrAcct/Id appears twice'],
    ['two amounts', one('1</InstdAmt><InstdAmt Ccy="EUR">2'), 'Amt/InstdAmt appears twice'],
    ['a check', one().replace('TRF', 'CHK'), 'PmtMtd is CHK; only TRF is a transfer between accounts'],
    [
      'a later date',
      painMessage([{ date: '2026-02-01', transactions: [transaction('1')] }]),
      /ReqdExctnDt is 2026-02-01; payments are made now/,
    ],
    ['no date', one().replace(/<ReqdExctnDt>.*<\/ReqdExctnDt>/, ''), 'ReqdExctnDt is missing'],
  ])('in which a payment has %s is refused, and the error names the fault', async (_what, message, error) => {
    const [row] = await read(message);
    expect(row).toMatchObject({ row: 1 });
    const text = (row as InvalidRow).content.join('; ');
    if (typeof error === 'string') expect(text).toBe(error);
    else expect(text).toMatch(error);
  });

  it('for a later date can be executed now on request', async () => {
    const message = painMessage([{ date: '2026-02-01', transactions: [transaction('1')] }]);
    expect(paymentsOf(await read(message, true))).toHaveLength(1);
  });

  test.each([
    [
      'entities',
      one().replace('?>', '?><!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'),
      ':1: has a document type definition',
    ],
    [
      'an external entity',
      one().replace('?>', '?><!DOCTYPE d SYSTEM "file:///etc/passwd">'),
      ':1: has a document type definition',
    ],
    [
      'an entity that it does not define',
      one('1', '<IBAN>&b;</IBAN>'),
      /not well-formed XML: Invalid character entity/,
    ],
    ['another encoding', one().replace('UTF-8', 'ISO-8859-1'), 'is in ISO-8859-1; save it in UTF-8'],
    [
      'another message',
      one().replaceAll('CstmrCdtTrfInitn', 'CstmrDrctDbtInitn'),
      'not a credit transfer initiation, but <CstmrDrctDbtInitn>',
    ],
    [
      'another version',
      one().replace('pain.001.001.09', 'pain.001.001.11'),
      'not a pain.001.001.03 or pain.001.001.09 message',
    ],
    ['no namespace', one().replace(/ xmlns="[^"]*"/, ''), 'its namespace is ""'],
    ['an element of another namespace', one().replace('<MsgId>', '<MsgId xmlns="urn:x">'), 'is in another namespace'],
    ['another root', '<a/>', /not a/],
    ['a tag that is not closed', one().replace('</IBAN>', ''), /not well-formed XML/],
    ['its end cut off', one().slice(0, -30), /not well-formed XML/],
    ['many levels', one('1', '<x>'.repeat(40) + '</x>'.repeat(40)), 'more than 32 levels'],
    ['a long text', one('1', `<IBAN>${'A'.repeat(5_000)}</IBAN>`), 'more than 4096 characters of text'],
    ['a very long text', one('1', `<IBAN>${'A'.repeat(500_000)}</IBAN>`), 'more than 4096 characters of text'],
    ['no id', one().replace(/<MsgId>.*<\/MsgId>/, ''), 'GrpHdr/MsgId is missing'],
    ['no payments', painMessage([], { group: '<NbOfTxs>0</NbOfTxs>' }), 'there are no payments'],
  ])('with %s is refused', async (_what, message, error) => {
    await expect(read(message)).rejects.toThrow(error);
    await expect(read(message)).rejects.toMatchObject({ name: 'FileError' });
  });

  it('is named by its sender, id and time', async () => {
    const scopeOf = async (content: string) => {
      await using file = await SourceFile.open(temporaryFile(content));
      const message = new PainMessage(file, { today: '2026-01-31', executeNow: false });
      for await (const _ of message.rows());
      return message.scope;
    };
    const scope = await scopeOf(one());
    // A message in which a payment was corrected is still the same message.
    expect(await scopeOf(one('99'))).toBe(scope);
    expect(await scopeOf(painMessage([{ transactions: [transaction('1')] }], { id: 'M-2' }))).not.toBe(scope);
    expect(await scopeOf(one().replace('T09:00', 'T09:01'))).not.toBe(scope);
    expect(await scopeOf(one().replace('<InitgPty><Nm>Acme', '<InitgPty><Nm>Other'))).not.toBe(scope);
  });

  it('of any size is read in bounded memory', async () => {
    // More than one of the blocks in which a file is read.
    const count = 5_000;
    const message = painMessage([{ transactions: Array.from({ length: count }, () => transaction('1')) }], {
      group: `<NbOfTxs>${count}</NbOfTxs><CtrlSum>${count}</CtrlSum>`,
    });
    await using file = await SourceFile.open(temporaryFile(message));
    let rows = 0;
    for await (const row of new PainMessage(file, { today: '2026-01-31', executeNow: false }).rows()) {
      rows = row.row;
      // Payments arrive while most of the file has not been read.
      if (rows === 1) expect(() => file.digest).toThrow('has not been read yet');
    }
    expect(rows).toBe(count);
  });
});
