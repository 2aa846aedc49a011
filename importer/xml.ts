import sax from 'sax';
import { FileError } from './payment.ts';
import type { SourceFile } from './source-file.ts';

/** An element of the document. Its text is complete when it ends. */
export interface XmlElement {
  /** The names of the elements from the root to this one, without prefixes. */
  path: string;
  attributes: Readonly<Record<string, string>>;
  text: string;
  line: number;
}

export interface XmlHandler {
  /** @param namespace of the root element, which all elements must have */
  began(element: Omit<XmlElement, 'text'>, namespace: string): void;
  ended(element: XmlElement): void;
}

const LEVELS_MAX = 32;
const ATTRIBUTES_MAX = 16;
const TEXT_CHARS_MAX = 4_096;

/**
 * Reads XML as it arrives, in bounded memory. Only the five predefined entities of XML are known: a document type
 * definition, which could define others or name other files, is refused.
 * @throws FileError with the line
 */
export async function* parseXml(file: SourceFile, handler: XmlHandler): AsyncGenerator<void> {
  const parser = sax.parser(true, { xmlns: true, position: true });
  const refuse = (why: string): never => {
    throw new FileError(`${file.path}:${parser.line + 1}: ${why}`);
  };
  // The text of an element with children is discarded, because it would grow with the whitespace between them.
  const open: (XmlElement & { hasChildren: boolean })[] = [];
  let root: string | null = null;
  parser.onerror = (error) => refuse(`not well-formed XML: ${error.message.split('\n')[0]}`);
  parser.ondoctype = () => refuse('has a document type definition, which payment messages do not have');
  parser.onsgmldeclaration = () => refuse('has a declaration that payment messages do not have');
  parser.onprocessinginstruction = ({ name, body }) => {
    const encoding = name === 'xml' ? /encoding\s*=\s*["']([^"']*)["']/.exec(body)?.[1] : undefined;
    if (encoding !== undefined && !/^(utf-?8|us-ascii)$/i.test(encoding)) refuse(`is in ${encoding}; save it in UTF-8`);
  };
  parser.onopentag = (tag) => {
    const { local, uri, attributes } = tag as sax.QualifiedTag;
    root ??= uri;
    if (uri !== root) refuse(`the element ${local} is in another namespace`);
    if (open.length >= LEVELS_MAX) refuse(`more than ${LEVELS_MAX} levels`);
    const named = Object.values(attributes).map(({ local: name, value }) => [name, value]);
    if (named.length > ATTRIBUTES_MAX) refuse(`more than ${ATTRIBUTES_MAX} attributes`);
    const above = open.at(-1);
    if (above) Object.assign(above, { hasChildren: true, text: '' });
    const path = above ? `${above.path}/${local}` : local;
    const attributesByName = Object.fromEntries(named);
    const element = { path, attributes: attributesByName, text: '', line: parser.line + 1, hasChildren: false };
    open.push(element);
    handler.began(element, root);
  };
  parser.ontext = parser.oncdata = (text) => {
    const element = open.at(-1);
    if (!element || element.hasChildren) return;
    if (element.text.length + text.length > TEXT_CHARS_MAX) refuse(`more than ${TEXT_CHARS_MAX} characters of text`);
    element.text += text;
  };
  parser.onclosetag = () => {
    const element = open.pop();
    if (element) handler.ended({ ...element, text: element.text.trim() });
  };
  for await (const text of file.text()) {
    parser.write(text);
    yield;
  }
  parser.close();
  yield;
}
