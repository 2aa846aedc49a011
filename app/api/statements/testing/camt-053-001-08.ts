import type { XmlElement } from './xml.ts';

/**
 * The part of the schema of camt.053.001.08 that statements use: for each type, its elements in order, with `?` for
 * optional, `*` for any number, and `+` for at least one; or the pattern of its text. A choice is a list of types with
 * one element each.
 */
const text = (max: number) => new RegExp(`^.{1,${max}}$`, 'su');
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const CODE = /^\S{1,4}$/;
const AMOUNT = /^(?=(?:\D*\d){1,18}\D*$)\d+(?:\.\d{1,5})?$/;
const CURRENCY = /^[A-Z]{3}$/;
const DIRECTION = /^(?:CRDT|DBIT)$/;

type Elements = Record<string, Type>;
interface Type {
  text?: RegExp;
  currency?: true;
  all?: Elements;
  oneOf?: Elements;
}
const pattern = (of: RegExp): Type => ({ text: of });
const MAX_35 = pattern(text(35));
const MAX_140 = pattern(text(140));
const AT: Type = { oneOf: { Dt: pattern(/^\d{4}-\d\d-\d\d$/), DtTm: pattern(DATE_TIME) } };
const AMT: Type = { text: AMOUNT, currency: true };
const CODE_OR_PROPRIETARY: Type = { oneOf: { Cd: pattern(CODE), Prtry: MAX_35 } };

const ACCOUNT_ID: Type = {
  oneOf: {
    IBAN: pattern(/^[A-Z]{2}[0-9]{2}[a-zA-Z0-9]{1,30}$/),
    Othr: { all: { Id: pattern(text(34)), 'SchmeNm?': CODE_OR_PROPRIETARY, 'Issr?': MAX_35 } },
  },
};
const PARTY: Type = { all: { 'Nm?': MAX_140 } };
const PROXY: Type = { all: { 'Tp?': CODE_OR_PROPRIETARY, Id: pattern(text(2048)) } };
const CURRENCY_CODE = pattern(CURRENCY);
const ACCOUNT: Elements = { Id: ACCOUNT_ID, 'Ccy?': CURRENCY_CODE, 'Nm?': pattern(text(70)), 'Prxy?': PROXY };
const RELATED_ACCOUNT: Type = { all: ACCOUNT };
const RELATED_PARTY: Type = { oneOf: { Pty: PARTY } };

const BALANCE: Type = {
  all: {
    Tp: { all: { CdOrPrtry: CODE_OR_PROPRIETARY } },
    Amt: AMT,
    CdtDbtInd: pattern(DIRECTION),
    Dt: AT,
  },
};
const TRANSACTION: Type = {
  all: {
    'Refs?': { all: { 'TxId?': MAX_35, 'Prtry*': { all: { Tp: MAX_35, Ref: MAX_35 } } } },
    'RltdPties?': {
      all: {
        'Dbtr?': RELATED_PARTY,
        'DbtrAcct?': RELATED_ACCOUNT,
        'Cdtr?': RELATED_PARTY,
        'CdtrAcct?': RELATED_ACCOUNT,
      },
    },
    'RmtInf?': { all: { 'Ustrd*': MAX_140 } },
    'AddtlTxInf?': pattern(text(500)),
  },
};
const ENTRY: Type = {
  all: {
    'NtryRef?': MAX_35,
    Amt: AMT,
    CdtDbtInd: pattern(DIRECTION),
    'RvslInd?': pattern(/^(?:true|false)$/),
    Sts: CODE_OR_PROPRIETARY,
    'BookgDt?': AT,
    'ValDt?': AT,
    'AcctSvcrRef?': MAX_35,
    BkTxCd: {
      all: {
        'Domn?': { all: { Cd: pattern(CODE), Fmly: { all: { Cd: pattern(CODE), SubFmlyCd: pattern(CODE) } } } },
        'Prtry?': { all: { Cd: MAX_35, 'Issr?': MAX_35 } },
      },
    },
    'NtryDtls*': { all: { 'TxDtls*': TRANSACTION } },
  },
};
const DOCUMENT: Elements = {
  BkToCstmrStmt: {
    all: {
      GrpHdr: { all: { MsgId: MAX_35, CreDtTm: pattern(DATE_TIME) } },
      'Stmt+': {
        all: {
          Id: MAX_35,
          'CreDtTm?': pattern(DATE_TIME),
          'FrToDt?': { all: { FrDtTm: pattern(DATE_TIME), ToDtTm: pattern(DATE_TIME) } },
          Acct: { all: { ...ACCOUNT, 'Ownr?': PARTY } },
          'Bal+': BALANCE,
          'Ntry*': ENTRY,
        },
      },
    },
  },
};

/** Every deviation from the schema, each with its path. */
export function deviationsOf(document: XmlElement): string[] {
  const { xmlns } = document.attributes;
  const root = document.name === 'Document' && xmlns === 'urn:iso:std:iso:20022:tech:xsd:camt.053.001.08';
  return [...(root ? [] : ['another root']), ...check(document, { all: DOCUMENT }, document.name)];
}

function check(element: XmlElement, type: Type, path: string): string[] {
  const { currency } = type;
  const wrongCurrency = currency && !CURRENCY.test(element.attributes['Ccy'] ?? '') ? [`${path} has no currency`] : [];
  if (type.text)
    return element.children.length === 0 && type.text.test(element.text)
      ? wrongCurrency
      : [...wrongCurrency, `${path} is ${element.text}`];
  if (element.text.trim() !== '') return [`${path} has text`];
  return type.oneOf ? checkChoice(element, type.oneOf, path) : checkSequence(element, type.all ?? {}, path);
}

function checkChoice({ children }: XmlElement, choice: Elements, path: string): string[] {
  const [child, ...more] = children;
  const type = child && choice[child.name];
  return type && more.length === 0
    ? check(child, type, `${path}/${child.name}`)
    : [`${path} is not one of its choices`];
}

function checkSequence({ children }: XmlElement, sequence: Elements, path: string): string[] {
  const found: string[] = [];
  let next = 0;
  for (const [key, type] of Object.entries(sequence)) {
    const name = key.replace(/[?*+]$/, '');
    let count = 0;
    for (let child = children[next]; child?.name === name; child = children[next]) {
      found.push(...check(child, type, `${path}/${name}`));
      count += 1;
      next += 1;
    }
    const [least, most] = key.endsWith('?')
      ? [0, 1]
      : key.endsWith('*')
        ? [0, Infinity]
        : [1, key.endsWith('+') ? Infinity : 1];
    if (count < least || count > most) found.push(`${path}/${name} occurs ${count} times`);
  }
  const rest = children[next];
  return rest ? [...found, `${path}/${rest.name} is unknown, or in the wrong place`] : found;
}
