POLICY = ""


def page() -> str:
    return ""
