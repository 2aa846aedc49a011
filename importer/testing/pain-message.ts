const NAMESPACE = 'urn:iso:std:iso:20022:tech:xsd:pain.001.001.';

export interface PainBlock {
  debtor?: string;
  date?: string;
  transactions: readonly string[];
  /** Elements of the block before its transactions, in place of the usual ones. */
  head?: string;
}

export const transaction = (amount: string, creditor = '<IBAN>DE02120300000000202051</IBAN>', more = '') => `
    <CdtTrfTxInf>
      <PmtId><EndToEndId>NOTPROVIDED</EndToEndId></PmtId>
      <Amt><InstdAmt Ccy="EUR">${amount}</InstdAmt></Amt>
      <Cdtr><Nm>Müller &amp; Söhne</Nm></Cdtr>
      <CdtrAcct><Id>${creditor}</Id></CdtrAcct>
      ${more}
    </CdtTrfTxInf>`;

/** A pain.001 message whose control sums the test states. */
export function painMessage(
  blocks: readonly PainBlock[],
  {
    version = '09',
    group = '<NbOfTxs>1</NbOfTxs>',
    id = 'M-1',
    prolog = '<?xml version="1.0" encoding="UTF-8"?>',
  } = {},
): string {
  const dated = (date: string) => (version === '03' ? date : `<Dt>${date}</Dt>`);
  const bodies = blocks.map(
    ({ debtor = 'acme', date = '2026-01-31', head = '', transactions }) => `
  <PmtInf>
    <PmtInfId>P-1</PmtInfId><PmtMtd>TRF</PmtMtd>${head}
    <ReqdExctnDt>${dated(date)}</ReqdExctnDt>
    <Dbtr><Nm>Acme</Nm></Dbtr>
    <DbtrAcct><Id><Othr><Id>${debtor}</Id></Othr></Id><Ccy>EUR</Ccy></DbtrAcct>${transactions.join('')}
  </PmtInf>`,
  );
  return `${prolog}
<Document xmlns="${NAMESPACE}${version}"><CstmrCdtTrfInitn>
  <GrpHdr><MsgId>${id}</MsgId><CreDtTm>2026-01-31T09:00:00</CreDtTm>${group}
    <InitgPty><Nm>Acme</Nm></InitgPty></GrpHdr>${bodies.join('')}
</CstmrCdtTrfInitn></Document>`;
}
