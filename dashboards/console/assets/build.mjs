// Copies the precompiled style sheet of the NHS design system beside our own,
// without its remote font: the page asks nothing of another host.
import { copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const from = join(here, 'node_modules', 'nhsuk-frontend', 'dist', 'nhsuk')
const to = join(here, '..', 'static', 'vendor')

const { version } = JSON.parse(await readFile(join(here, 'node_modules', 'nhsuk-frontend', 'package.json'), 'utf8'))
let css = await readFile(join(from, `nhsuk-frontend-${version}.min.css`), 'utf8')
css = css.replace('@charset "UTF-8";', '').replace(/@font-face\{[^}]*\}/g, '').replace(/\/\*# sourceMappingURL=.*?\*\//g, '')

const images = new Set()
css = css.replace(/url\(\/assets\/images\/([a-z0-9-]+\.svg)\)/g, (_, name) => {
  images.add(name)
  return `url(images/${name})`
})
const remote = css.match(/url\((?!images\/|["']?data:)[^)]*\)|@import[^;]*;/)
if (remote) {
  throw new Error(`the style sheet still asks for ${remote[0]}: teach build.mjs about it`)
}

await mkdir(join(to, 'images'), { recursive: true })
for (const name of images) {
  await copyFile(join(from, 'assets', 'images', name), join(to, 'images', name))
}
const target = join(to, 'nhsuk-frontend.css')
const notice = `/*! nhsuk-frontend ${version}, MIT licence, Crown copyright (NHS England) */\n`
await writeFile(`${target}.new`, notice + css) // never half a file for go:embed
await rename(`${target}.new`, target)
console.log(`nhsuk-frontend ${version}: ${css.length} bytes of CSS, ${images.size} images`)
