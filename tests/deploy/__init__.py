"""What is handed to kubectl and Docker: does it agree with the programs, with itself, and with the API?"""
