/** A statement with one transfer, for the OpenAPI document; a test keeps these texts up to date. */
export const CSV_EXAMPLE = [
  'type,acceptedAt,version,amount,currency,balance,transactionId,counterparty,counterpartyName,reference,timestamp,groupId,reverses,holdId,metadata,user,correlationId',
  'opening_balance,2026-01-01T00:00:00.000Z,1,,EUR,10.00,,,,,,,,,,,',
  'transfer,2026-01-01T00:00:00.001Z,2,-12.50,EUR,-2.50,"019ad3c2-7a11-7b52-8f06-d1c4e0a97b35","shop","Shop","Invoice 7",2026-01-01T00:00:00.001Z,,,,,"tester","c"',
  'closing_balance,2026-01-02T00:00:00.000Z,3,,EUR,-2.50,,,,,,,,,,,',
  '',
].join('\r\n');

export const CAMT_EXAMPLE = [
  '<?xml version="1.0" encoding="UTF-8"?>',
  '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">',
  '<BkToCstmrStmt>',
  '<GrpHdr><MsgId>019ad3c27a117b528f06d1c4e0a97b35</MsgId><CreDtTm>2026-01-02T01:00:00.000Z</CreDtTm></GrpHdr>',
  '<Stmt>',
  '<Id>d4635a847e91f9b8cc0c2f0dab0b1bba36d</Id><CreDtTm>2026-01-02T01:00:00.000Z</CreDtTm><FrToDt><FrDtTm>2026-01-01T00:00:00.000Z</FrDtTm><ToDtTm>2026-01-02T00:00:00.000Z</ToDtTm></FrToDt><Acct><Id><Othr><Id>ada</Id></Othr></Id><Ccy>EUR</Ccy><Ownr><Nm>Ada</Nm></Ownr></Acct>',
  '<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">10.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><DtTm>2026-01-01T00:00:00.000Z</DtTm></Dt></Bal>',
  '<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">2.50</Amt><CdtDbtInd>DBIT</CdtDbtInd><Dt><DtTm>2026-01-02T00:00:00.000Z</DtTm></Dt></Bal>',
  '<Ntry><NtryRef>2</NtryRef><Amt Ccy="EUR">12.50</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><DtTm>2026-01-01T00:00:00.001Z</DtTm></BookgDt><ValDt><DtTm>2026-01-01T00:00:00.001Z</DtTm></ValDt><AcctSvcrRef>019ad3c27a117b528f06d1c4e0a97b35</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>BOOK</SubFmlyCd></Fmly></Domn><Prtry><Cd>transfer</Cd><Issr>Holdfast</Issr></Prtry></BkTxCd><NtryDtls><TxDtls><Refs><TxId>019ad3c27a117b528f06d1c4e0a97b35</TxId></Refs><RltdPties><Cdtr><Pty><Nm>Shop</Nm></Pty></Cdtr><CdtrAcct><Id><Othr><Id>shop</Id></Othr></Id></CdtrAcct></RltdPties><RmtInf><Ustrd>Invoice 7</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>',
  '</Stmt>',
  '</BkToCstmrStmt>',
  '</Document>',
  '',
].join('\n');
