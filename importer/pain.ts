import { formatDecimal, parseDecimal } from './decimal.ts';
import { type Cells, FileError, type FileRow, paymentOf } from './payment.ts';
import type { SourceFile } from './source-file.ts';
import { parseXml, type XmlElement } from './xml.ts';

/** The supported versions of the ISO 20022 message "customer credit transfer initiation". */
const NAMESPACE = /^urn:iso:std:iso:20022:tech:xsd:pain\.001\.001\.(03|09)$/;
const MESSAGE = 'Document/CstmrCdtTrfInitn';
const BLOCK = `${MESSAGE}/PmtInf`;
const TRANSACTION = `${BLOCK}/CdtTrfTxInf`;

export interface PainOptions {
  /** Today's date, YYYY-MM-DD: payments for a later date are refused, because they would be made now. */
  today: string;
  /** Makes payments for a later date now. */
  executeNow: boolean;
}

/** The totals that the message claims for its transactions, and their actual totals. */
class Control {
  readonly where: string;
  transactions = 0;
  sum = 0n;
  /** As stated in the message; null if absent. */
  statedTransactions: string | null = null;
  statedSum: string | null = null;

  constructor(where: string) {
    this.where = where;
  }

  add(amount: bigint): void {
    this.transactions++;
    this.sum += amount;
  }

  /** @throws FileError */
  check(): void {
    const { where, transactions, sum, statedTransactions, statedSum } = this;
    if (
      statedTransactions !== null &&
      !(/^\d{1,15}$/.test(statedTransactions) && Number(statedTransactions) === transactions)
    )
      throw new FileError(`${where}: NbOfTxs is ${statedTransactions}, but there are ${transactions} transactions.`);
    if (statedSum !== null && parseDecimal(statedSum) !== sum)
      throw new FileError(`${where}: CtrlSum is ${statedSum}, but the sum of the amounts is ${formatDecimal(sum)}.`);
  }
}

/** Payments of a pain.001 message, in order. */
export class PainMessage {
  readonly #file: SourceFile;
  readonly #options: PainOptions;
  #group: Values = new Map();
  #block: Values = new Map();
  #transaction: Values = new Map();
  #transactionLine = 0;
  #groupControl: Control;
  #blockControl: Control;
  #rows: FileRow[] = [];
  #row = 0;

  constructor(file: SourceFile, options: PainOptions) {
    this.#file = file;
    this.#options = options;
    this.#groupControl = new Control(file.path);
    this.#blockControl = this.#groupControl;
  }

  /**
   * Identifies the message by its sender, its id, and the time when it was created. Senders should give each message a
   * different id; the time distinguishes the messages of those who do not. Known once the first payment has been read.
   */
  get scope(): string {
    const { 'GrpHdr/MsgId': id = [], 'GrpHdr/CreDtTm': time = [], ...rest } = Object.fromEntries(this.#group);
    const sender = Object.entries(rest).filter(([name]) => name.startsWith('GrpHdr/InitgPty/'));
    return JSON.stringify(['pain.001', id, time, sender.sort()]);
  }

  /** @throws FileError if it is not such a message, or if its control sums are wrong */
  async *rows(): AsyncGenerator<FileRow> {
    const reading = parseXml(this.#file, {
      began: (element, namespace) => this.#began(element, namespace),
      ended: (element) => this.#ended(element),
    });
    for await (const _ of reading) {
      const rows = this.#rows;
      this.#rows = [];
      yield* rows;
    }
    this.#groupControl.check();
    if (this.#groupControl.statedTransactions === null) throw this.#refusal('GrpHdr/NbOfTxs is missing', 1);
    if (this.#row === 0) throw this.#refusal('there are no payments', 1);
  }

  #refusal(why: string, line: number): FileError {
    return new FileError(`${this.#file.path}:${line}: ${why}.`);
  }

  #began({ path, line }: Omit<XmlElement, 'text'>, namespace: string): void {
    if (path === 'Document' && !NAMESPACE.test(namespace))
      throw this.#refusal(`not a pain.001.001.03 or pain.001.001.09 message: its namespace is "${namespace}"`, line);
    if (!path.includes('/') && path !== 'Document') throw this.#refusal(`not a payment message, but <${path}>`, line);
    if (path.split('/').length === 2 && path !== MESSAGE)
      throw this.#refusal(`not a credit transfer initiation, but <${path.split('/')[1]}>`, line);
    if (path === BLOCK) {
      this.#block = new Map();
      this.#blockControl = new Control(`${this.#file.path}:${line}`);
    }
    if (path === TRANSACTION) {
      this.#transaction = new Map();
      this.#transactionLine = line;
    }
  }

  #ended(element: XmlElement): void {
    const { path, text } = element;
    if (path === TRANSACTION) this.#rows.push(this.#finished());
    else if (path === BLOCK) this.#blockControl.check();
    else if (path.startsWith(`${TRANSACTION}/`)) keep(this.#transaction, path.slice(TRANSACTION.length + 1), element);
    else if (path.startsWith(`${BLOCK}/`)) {
      const name = path.slice(BLOCK.length + 1);
      keep(this.#block, name, element);
      if (name === 'NbOfTxs') this.#blockControl.statedTransactions = text;
      if (name === 'CtrlSum') this.#blockControl.statedSum = text;
    } else if (path.startsWith(`${MESSAGE}/`)) {
      const name = path.slice(MESSAGE.length + 1);
      keep(this.#group, name, element);
      if (name === 'GrpHdr/NbOfTxs') this.#groupControl.statedTransactions = text;
      if (name === 'GrpHdr/CtrlSum') this.#groupControl.statedSum = text;
      if (name === 'GrpHdr' && !this.#group.has('GrpHdr/MsgId'))
        throw this.#refusal('GrpHdr/MsgId is missing', element.line);
    }
  }

  #finished(): FileRow {
    const line = this.#transactionLine;
    const amount = parseDecimal(this.#transaction.get('Amt/InstdAmt')?.[0] ?? '') ?? 0n;
    this.#groupControl.add(amount);
    this.#blockControl.add(amount);
    const errors = [...this.#blockErrors(), ...this.#repeated()];
    const content = errors.length > 0 ? errors : paymentOf(this.#cells(), (member) => NAMES[member] ?? member);
    return { row: ++this.#row, line, content };
  }

  #blockErrors(): string[] {
    const errors: string[] = [];
    const method = this.#block.get('PmtMtd')?.[0];
    if (method !== 'TRF') errors.push(`PmtMtd is ${method ?? 'missing'}; only TRF is a transfer between accounts`);
    const date = (this.#block.get('ReqdExctnDt/Dt') ??
      this.#block.get('ReqdExctnDt/DtTm') ??
      this.#block.get('ReqdExctnDt'))?.[0];
    const isDate = date !== undefined && /^\d{4}-\d{2}-\d{2}/.test(date);
    if (!isDate) errors.push('ReqdExctnDt is missing');
    else if (date.slice(0, 10) > this.#options.today && !this.#options.executeNow)
      errors.push(`ReqdExctnDt is ${date}; payments are made now, so send it then, or use --execute-now`);
    return errors;
  }

  /** If a member appears twice, either of its values could be meant. */
  #repeated(): string[] {
    const of = (values: Values, names: readonly string[]) =>
      names.filter((name) => (values.get(name)?.length ?? 0) > 1);
    const found = [...of(this.#block, ONCE_IN_BLOCK), ...of(this.#transaction, ONCE_IN_TRANSACTION)];
    const both = (values: Values, account: string) =>
      values.has(`${account}/Id/IBAN`) && values.has(`${account}/Id/Othr/Id`) ? [`${account}/Id`] : [];
    found.push(...both(this.#block, 'DbtrAcct'), ...both(this.#transaction, 'CdtrAcct'));
    const lines = this.#transaction.get('RmtInf/Ustrd')?.length ?? 0;
    return [
      ...found.map((name) => `${name} appears twice`),
      ...(lines >= VALUES_MAX ? [`RmtInf has ${VALUES_MAX} or more lines`] : []),
    ];
  }

  #cells(): Cells {
    const of = (name: string) => this.#transaction.get(name)?.[0];
    const account = (values: Values, name: string) =>
      values.get(`${name}/Id/IBAN`)?.[0] ?? values.get(`${name}/Id/Othr/Id`)?.[0];
    const amount = of('Amt/InstdAmt');
    const exact = amount === undefined ? null : parseDecimal(amount);
    const remittance = [
      ...(this.#transaction.get('RmtInf/Ustrd') ?? []),
      ...(this.#transaction.get('RmtInf/Strd/CdtrRefInf/Ref') ?? []),
    ];
    const metadata = Object.fromEntries(
      Object.entries({
        messageId: this.#group.get('GrpHdr/MsgId')?.[0],
        paymentInformationId: this.#block.get('PmtInfId')?.[0],
        instructionId: of('PmtId/InstrId'),
        endToEndId: of('PmtId/EndToEndId'),
        uetr: of('PmtId/UETR'),
      }).filter((pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== 'NOTPROVIDED'),
    );
    return definedOnly({
      sourceAccount: account(this.#block, 'DbtrAcct'),
      destinationAccount: account(this.#transaction, 'CdtrAcct'),
      amount: exact === null ? amount : formatDecimal(exact),
      currency: of('Amt/InstdAmt@Ccy'),
      reference: remittance.length > 0 ? remittance.join(' ') : undefined,
      metadata,
    });
  }
}

/** The texts of elements, by their paths within a part of the message. The name of an attribute follows an `@`. */
type Values = Map<string, string[]>;

const ONCE_IN_BLOCK = ['PmtMtd', 'PmtInfId', 'ReqdExctnDt', 'DbtrAcct/Id/IBAN', 'DbtrAcct/Id/Othr/Id'];
const ONCE_IN_TRANSACTION = ['Amt/InstdAmt', 'CdtrAcct/Id/IBAN', 'CdtrAcct/Id/Othr/Id', 'PmtId/EndToEndId'];
const NAMES: Readonly<Record<string, string>> = {
  sourceAccount: 'DbtrAcct/Id',
  destinationAccount: 'CdtrAcct/Id',
  amount: 'Amt/InstdAmt',
  currency: 'Amt/InstdAmt@Ccy',
  reference: 'RmtInf',
};
/** Maximum number of values kept for each name, so that the message is read in bounded memory. */
const VALUES_MAX = 10;
const NAMES_MAX = 500;

function keep(values: Values, name: string, { text, attributes }: XmlElement): void {
  const add = (key: string, value: string) => {
    const before = values.get(key);
    if (before === undefined && values.size < NAMES_MAX) values.set(key, [value]);
    else if (before !== undefined && before.length < VALUES_MAX) before.push(value);
  };
  add(name, text);
  for (const [attribute, value] of Object.entries(attributes)) if (attribute === 'Ccy') add(`${name}@Ccy`, value);
}

function definedOnly(cells: { [Name in keyof Cells]: Cells[Name] | undefined }): Cells {
  return Object.fromEntries(Object.entries(cells).filter(([, value]) => value !== undefined)) as Cells;
}
