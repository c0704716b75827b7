import type { Plugin } from "vite";

/** Puts script and styles into the page: what is built is one HTML file that asks for nothing else. */
export function singleFile(): Plugin {
  return {
    name: "single-file",
    enforce: "post",
    apply: "build",
    generateBundle(_options, bundle) {
      const page = bundle["index.html"];
      if (page?.type !== "asset") throw new Error("no index.html was built");
      let html = text(page.source);
      for (const [name, file] of Object.entries(bundle)) {
        if (file === page) continue;
        html =
          file.type === "chunk"
            ? inlineScript(html, name, file.code)
            : inlineStyle(html, name, text(file.source));
        delete bundle[name];
      }
      const link = /<(?:script|link)\b[^>]*\b(?:src|href)="(?!data:)[^"]*"/.exec(html);
      if (link) throw new Error(`the page is not self-contained: ${link[0]}`);
      page.source = html;
    },
  };
}

function inlineScript(html: string, name: string, code: string): string {
  // "</script" and "<!--" would end or hide the element; within strings of a script they can be written so.
  const safe = code.trim().replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");
  return replaceOnce(html, new RegExp(`<script\\b[^>]*\\bsrc="[./]*${literal(name)}"[^>]*></script>`), () => {
    return `<script type="module">${safe}</script>`;
  });
}

function inlineStyle(html: string, name: string, css: string): string {
  return replaceOnce(html, new RegExp(`<link\\b[^>]*\\bhref="[./]*${literal(name)}"[^>]*>`), () => {
    return `<style>${css.trim()}</style>`;
  });
}

function replaceOnce(html: string, what: RegExp, by: () => string): string {
  if (!what.test(html)) throw new Error(`the page does not name ${what.source}`);
  return html.replace(what, by);
}

function literal(name: string): string {
  return name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function text(source: string | Uint8Array): string {
  return typeof source === "string" ? source : new TextDecoder().decode(source);
}
