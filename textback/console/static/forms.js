// Forms: what somebody has written and not sent; filters that need no button.

/** Whether this is a field with something else in it than the page was made with. */
export const changed = (field) => "defaultValue" in field && field.value !== field.defaultValue;

/** Whether somebody has written on this page what is not sent. */
export const written = () => [...document.querySelectorAll("main input, main textarea")].some(changed);

// Hides what is for browsers without scripts.
document.documentElement.classList.add("has-script");

document.addEventListener("change", (event) => {
  event.target.closest("form[data-submits]")?.requestSubmit();
});
