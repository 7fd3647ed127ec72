// allauth tells the console only when a passkey could not be used; whoever pressed the button wants to know as well.
document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    document.getElementById("passkey_error").hidden = false;
});
