"""Turns the results of the comparison into tables, goals and pictures: ../report.py is the program."""
