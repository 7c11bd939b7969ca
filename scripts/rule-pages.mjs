// Writes docs/rules.md: every hazard rule as the code has it, with what it finds in its example. And docs/audit.md: the real
// output of its commands, and the files that it shows (`<!-- file: … -->`).
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { HAZARD_RULES } from '../packages/core/dist/audit.js'
import { auditText } from '../packages/core/dist/testing/index.js'
import { withOutputs } from './readme-output.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
export const RULES_PAGE = `${root}docs/rules.md`
export const AUDIT_PAGE = `${root}docs/audit.md`

const HEAD = `# Hazard rules

What \`pinscope audit\` listens for ([audit.md](audit.md)). This page is generated from the rules themselves:
\`node scripts/rule-pages.mjs\`. \`pinscope rules ID\` tells one of them on a terminal.

Each rule has a trace that breaks it and the same one done right; both are run by the tests.`

/** docs/rules.md, as the rules are today. */
export async function rulesMarkdown() {
  const sections = []
  for (const rule of HAZARD_RULES) sections.push(await ruleSection(rule))
  return `${[HEAD, listOf(HAZARD_RULES), ...sections].join('\n\n')}\n`
}

function listOf(rules) {
  const rows = rules.map(
    ({ id, name, verdict, severity }) => `| [${id}](#${anchor(id, name)}) | ${cell(name)} | ${verdict} | ${severity} |`,
  )
  return ['| rule | what goes wrong | verdict | severity |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

/** As GitHub makes the anchor of a heading. */
function anchor(id, name) {
  return `${id} ${name}`
    .toLowerCase()
    .replace(/[^a-z0-9 _-]/g, '')
    .replaceAll(' ', '-')
}

async function ruleSection(rule) {
  const { id, name, precondition, event, verdict, severity, advice, kernel, diagram, example } = rule
  const findings = await auditText(example.broken, [rule])
  const found = findings.map(({ row, detail }) => `- row ${row}: ${detail}`)
  return [
    `## ${id} ${name}`,
    `**${verdict}**, ${severity}. Given: ${precondition}. Broken by: ${event}.`,
    advice,
    `Kernel: ${kernel}`,
    code(diagram.replace(/^\n+/, '').trimEnd()),
    `A trace that breaks it, and what is found in it:`,
    code(example.broken.trim()),
    found.join('\n'),
    'Done right:',
    code(example.sound.trim()),
  ].join('\n\n')
}

const cell = (text) => text.replaceAll('|', '\\|')
const code = (text) => `\`\`\`\n${text}\n\`\`\``

/** docs/audit.md with the outputs and files of today. */
export function auditMarkdown() {
  const text = readFileSync(AUDIT_PAGE, 'utf8')
  return withOutputs(
    text.replace(/<!-- file: (\S+) -->\n```js\n[\s\S]*?```\n/g, (_, file) => {
      return `<!-- file: ${file} -->\n\`\`\`js\n${readFileSync(root + file, 'utf8')}\`\`\`\n`
    }),
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(RULES_PAGE, await rulesMarkdown())
  writeFileSync(AUDIT_PAGE, auditMarkdown())
}
