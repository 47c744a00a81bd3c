"""What is put into a pod, and when: pure, from the annotations to the patch (docs/injection.md)."""
