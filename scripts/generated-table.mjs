/** `text`, the page `file`, with what stands between `<!-- generated: NAME -->` and `<!-- end -->` made anew. */
export function withTable(text, file, name, table) {
  const begin = `<!-- generated: ${name} -->\n`
  const from = text.indexOf(begin)
  const to = text.indexOf('<!-- end -->', from)
  if (from < 0 || to < 0) throw new Error(`${file} has no place for the table "${name}"`)
  return `${text.slice(0, from + begin.length)}${table}\n${text.slice(to)}`
}
