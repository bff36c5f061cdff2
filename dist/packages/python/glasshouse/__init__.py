"""The file server glasshouse. The program is `glasshouse`; `python -m glasshouse` runs it too."""
