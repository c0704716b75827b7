/** What screen readers get of a page. */

import type { Page } from "playwright-core";

const CONTROLS = new Set([
  "button",
  "checkbox",
  "combobox",
  "dialog",
  "link",
  "list",
  "menu",
  "menuitem",
  "menuitemradio",
  "radio",
  "region",
  "textbox",
]);

/** Controls and regions that have no name, as the browser's accessibility tree has them. */
export async function nameless(page: Page): Promise<string[]> {
  const cdp = await page.context().newCDPSession(page);
  const { nodes } = await cdp.send("Accessibility.getFullAXTree");
  await cdp.detach();
  const controls = nodes.filter(({ ignored, role }) => !ignored && CONTROLS.has(String(role?.value)));
  if (controls.length < 5) throw new Error("hardly any control was found");
  return controls
    .filter(({ name }) => String(name?.value ?? "").trim() === "")
    .map(({ role, nodeId }) => `${role?.value} ${nodeId}`);
}

/** Elements that stand out of the page's width, which would have to be scrolled. */
export function tooWide(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth > clientWidth ? [`the page is ${scrollWidth} wide in ${clientWidth}`] : [];
  });
}

/** Controls that a finger can hardly hit, or that lie where nothing can reach them. */
export function unreachable(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const controls = document.querySelectorAll(
      "header button, .toast button, .banner button, .popover button",
    );
    return Array.from(controls).flatMap((control) => {
      const { left, right, top, bottom } = control.getBoundingClientRect();
      const name = control.getAttribute("aria-label") ?? control.textContent;
      const inside = left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight;
      return inside && right - left >= 24 && bottom - top >= 24
        ? []
        : [`${name}: ${left} to ${right}, ${top} to ${bottom}`];
    });
  });
}
