"""An application's settings in one object, of which Cognito's are a part.

FILES_SERVICE_URL=… COGNITO__DOMAIN=… COGNITO__CLIENT_ID=… COGNITO__CLIENT_SECRET=… python settings.py
"""

import httpx
from pydantic_settings import BaseSettings, SettingsConfigDict

from s2sauth.settings import CognitoSettings


class Settings(BaseSettings):
    """What this application is told by its environment."""

    model_config = SettingsConfigDict(env_nested_delimiter="__", frozen=True, hide_input_in_errors=True)

    files_service_url: str
    page_size: int = 20
    cognito: CognitoSettings


def main() -> None:
    """Print the settings, in which the secret is hidden, and what the files service answers."""
    settings = Settings()
    print(settings)
    credentials = settings.cognito.credentials()
    auth = credentials.httpx_auth(settings.files_service_url)
    with httpx.Client(base_url=settings.files_service_url, auth=auth) as files:
        print(files.get("/files", params={"limit": settings.page_size}).raise_for_status().text)


if __name__ == "__main__":
    main()
